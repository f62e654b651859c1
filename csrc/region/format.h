/* SPDX-License-Identifier: Apache-2.0 */
/* Every structure of the mapped file. Read this first.
 *
 * What
 *   One sparse file, mapped once at its greatest size. Inside it everything is an
 *   offset. A `ref` is a u32 in granules (8 bytes in stores up to 32 GiB, up to 64
 *   bytes beyond); 0 is none. Regions, in order:
 *
 *     page 0      struct tg_header     static after creation, covered by a checksum
 *     page 1      struct tg_hot        the global words, a line each
 *     units       1 bit a commit unit  which parts of the arena are backed by memory
 *     processes   struct tg_process    the life table and the pin ledgers' directory
 *     contexts    struct tg_context    who acts: intents, redo log, limbo, magazines
 *     classes     struct tg_class      size classes of the arena
 *     pages       struct tg_page       one descriptor an arena page
 *     buckets     struct tg_line       the hash table, grown by committing more of it
 *     arena                            slabs of blocks, and runs of pages
 *
 * Blocks
 *   record   one name: key (directory, name), its value inline or its object, its
 *            directory. Immutable but for `expiry`; a change makes a new record.
 *   object   the header of a value too large for a record; it can be pinned.
 *   dir      the children of a node; its ref is the first half of their keys.
 *   chunk    more child slots of a directory.   line  more slots of a bucket.
 *   claim    somebody is making the value of a key, or there is none (board/board.h).
 *   Every block keeps the u32 at offset 4 for the limbo link (readers never read it).
 *
 * Invariants
 *   F1  A word that may be locked never becomes anything else while a stale
 *       compare-and-swap could reach it: lock words live in fixed regions and in the
 *       type-stable slabs of dirs. `object.pinned` is type-stable for the same reason.
 *   F2  Private fields of a context are changed by its borrower or its recoverer only.
 *   F3  All refs found in shared memory pass tg_at (region/offset.h).
 *
 * Death: see journal/journal.h (multi-word changes) and owner/owner.h (contexts).
 */
#ifndef TG_REGION_FORMAT_H
#define TG_REGION_FORMAT_H

#include "../base/atomic.h"

#define TG_MAGIC 0x31305f7465677974ull /* "tryget_01" less one letter */
#define TG_LAYOUT_VERSION 3u

typedef uint32_t tg_ref;

/* Constants of the layout; the simulator's are tiny, so that full and wrap happen. */
#ifdef TG_SIM
enum {
    TG_LINE_SLOTS = 3,
    TG_LOG_CAPACITY = 96,
    TG_HELD_CAPACITY = 24,
    TG_LIMBO_BATCH = 2,
    TG_LIMBO_BATCHES = 2,
    TG_DIR_SLOTS = 2,
    TG_CHUNK_SLOTS = 3,
    TG_LEDGER_FIRST = 4,
    TG_LEDGER_CHUNKS = 2,
    TG_CLASS_CAPACITY = 16,
    TG_GROUPS = 1,
    TG_MAGAZINE_SMALL = 6,
    TG_MAGAZINE_MIDDLE = 4,
    TG_MAGAZINE_LARGE = 3,
    TG_INLINE_MAX = 16,
    TG_STRIPES = 2,
    TG_MEMOS_MAX = 2,
    TG_LEFT = 1,
};
#else
enum {
    TG_LINE_SLOTS = 10,
    TG_LOG_CAPACITY = 96,
    TG_HELD_CAPACITY = 24,
    TG_LIMBO_BATCH = 64,
    TG_LIMBO_BATCHES = 8,
    TG_DIR_SLOTS = 16,
    TG_CHUNK_SLOTS = 54,
    TG_LEDGER_FIRST = 64,   /* chunk k holds TG_LEDGER_FIRST << k entries */
    TG_LEDGER_CHUNKS = 12,  /* 262,080 pins a process */
    TG_CLASS_CAPACITY = 96,
    TG_GROUPS = 16,
    TG_MAGAZINE_SMALL = 96, /* blocks up to 256 bytes */
    TG_MAGAZINE_MIDDLE = 16,
    TG_MAGAZINE_LARGE = 4,  /* blocks above 4 KiB */
    TG_INLINE_MAX = 1024,   /* larger values live in objects */
    TG_STRIPES = 16,        /* of the board; a power of two */
    TG_MEMOS_MAX = 64,      /* absences that a stripe remembers */
    TG_LEFT = 4,            /* builds that a process may have left without a lock */
};
#endif

/* ---- page 0 ---------------------------------------------------------------- */

struct tg_header {
    uint64_t magic;
    uint32_t layout;
    uint32_t header_size;
    uint64_t limit;        /* bytes of memory that the store may take */
    uint64_t file_size;    /* the sparse file's length */
    uint32_t ref_shift;    /* a ref counts 1 << ref_shift bytes */
    uint32_t page_shift;   /* arena page */
    uint32_t unit_shift;   /* commit unit; a multiple of the page */
    uint32_t process_count;
    uint32_t context_count;
    uint32_t context_size;
    uint32_t class_count;  /* general classes; the two type-stable ones follow */
    uint32_t page_count;   /* arena pages */
    uint32_t slab_shift;   /* pages of blocks; page <= slab <= unit */
    uint32_t spare;
    uint64_t hot_offset;
    uint64_t units_offset;
    uint64_t processes_offset;
    uint64_t contexts_offset;
    uint64_t classes_offset;
    uint64_t pages_offset;
    uint64_t buckets_offset;
    uint64_t bucket_capacity; /* lines reserved */
    uint64_t bucket_unit;     /* lines committed at a time */
    uint64_t arena_offset;    /* a multiple of the commit unit */
    uint64_t fixed_size;      /* bytes before the buckets, committed at creation */
    uint64_t hash_key[2];
    uint64_t version_key;     /* odd */
    uint64_t created_ns;      /* CLOCK_BOOTTIME; expiry counts tenths of seconds from here */
    uint8_t boot_id[16];
    uint8_t uuid[16];
    uint32_t class_size[TG_CLASS_CAPACITY];
    uint32_t checksum;        /* crc32c of all before it */
};

/* ---- lock words ------------------------------------------------------------ */

/* low half (the futex word): owner:12 | heir:12 | flags:8; high half: the guarded value.
 * Owners are context ids, counted from 1; see word/lock.h. */
#define TG_LOCK_OWNER_MASK 0xfffull
#define TG_LOCK_HEIR_SHIFT 12
#define TG_LOCK_HEIR_MASK (0xfffull << TG_LOCK_HEIR_SHIFT)
#define TG_LOCK_WAITERS (1ull << 24)
#define TG_LOCK_DEAD (1ull << 25)
#define TG_LOCK_VALUE_SHIFT 32
#define TG_LOCK_VALUE_ONE (1ull << TG_LOCK_VALUE_SHIFT)

/* ---- page 1: the global words ------------------------------------------------ */

#define TG_LINE 64

/* One of the board's locks (board/board.h), with the word that those sleep on who wait for a
 * build whose claim it guards. */
struct tg_stripe {
    _Alignas(TG_LINE) tg_a64 lock;
    tg_a32 wake; /* moves when a claim of the stripe goes or changes hands */
    tg_a32 spare;
};

struct tg_hot {
    /* Read by every reader, written by renames, drops and table growth. */
    _Alignas(TG_LINE) tg_a64 epoch;
    tg_a64 ns_seq;   /* odd while a rename or drop is applied */
    tg_a64 dir_gen;  /* moves when a directory moves or is dropped */
    tg_a64 buckets;  /* lines in use, linear hashing */
    tg_a32 root;     /* the root dir */
    tg_a32 state;    /* TG_STATE_* */
    /* Locks, a line each. */
    _Alignas(TG_LINE) tg_a64 ns_lock;   /* renames and drops, one at a time */
    _Alignas(TG_LINE) tg_a64 gate_lock; /* closed while a directory moves */
    _Alignas(TG_LINE) tg_a64 grow_lock; /* bucket splits */
    tg_a64 buckets_committed;
    _Alignas(TG_LINE) tg_a64 reap_lock;
    tg_a32 reap_head; /* dropped directories, linked by dir.reap_next */
    tg_a32 reap_spare;
    tg_a64 unsettled; /* not 0: idle contexts may owe a run or an orphan (Q6) */
    _Alignas(TG_LINE) tg_a64 extent_lock;
    tg_a64 pages_free;      /* committed and free */
    tg_a64 pages_hole;      /* not committed */
    tg_a64 committed_bytes; /* of arena and buckets; with fixed_size at most header.limit */
    tg_a32 free_runs[32];   /* heads, committed runs of [2^i, 2^(i+1)) pages: page index + 1 */
    tg_a32 hole_runs[32];
    /* Rarely written. */
    _Alignas(TG_LINE) tg_a64 recovery_hint; /* somebody saw a death that is not mended yet */
    tg_a64 unpin_hint;                      /* moves when a parked object loses a pin */
    tg_a64 sweep_ns;                        /* when the life table was last swept */
    tg_a64 process_high;                    /* processes below it may have a ledger */
    tg_a64 adoptions;                       /* moves when a child has copied its parent's pins */
    tg_a64 context_high;                    /* contexts above it were never borrowed */
    /* Read sections of users (parts/section.h). */
    _Alignas(TG_LINE) tg_a64 section_epoch; /* the last cookie that was given */
    tg_a64 section_done;                    /* all up to this one have elapsed */
    /* The board: who makes which value. Its heads are read by writers, and rarely written. */
    _Alignas(TG_LINE) tg_a32 claims[TG_STRIPES];
    struct tg_stripe stripes[TG_STRIPES];
};

enum { TG_STATE_GOOD = 0, TG_STATE_POISONED = 1 };

/* ---- processes and ledgers --------------------------------------------------- */

enum { TG_PROCESS_FREE = 0, TG_PROCESS_LIVE = 1, TG_PROCESS_MENDED = 2 /* phase A done */ };

struct tg_process {
    _Alignas(TG_LINE) tg_a32 state;
    tg_a32 generation;
    tg_a32 pid; /* pid, start, name: for people; nothing decides by them */
    tg_a32 ledger_count; /* chunks there */
    tg_a64 lock; /* its threads grow the ledger one at a time */
    tg_a64 start_ns;
    tg_a32 ledger[TG_LEDGER_CHUNKS];
    uint8_t name[16];
    tg_a64 left[TG_LEFT]; /* tokens of builds that it could not take off the board */
};

/* A ledger chunk is a run or block of `TG_LEDGER_FIRST << k` entries followed by as many
 * pin infos. entry = state:3 | kind:5 | aux:24 | ref:32. A PIN's kind is TG_PIN_*, and the aux
 * of a kept one says which ledger of its process's ancestry it was made in. */
enum tg_ledger_state {
    TG_LEDGER_FREE = 0,
    TG_LEDGER_PIN = 1,     /* keeps the object */
    TG_LEDGER_PRIVATE = 2, /* owns an object that is not published */
    TG_LEDGER_CLAIMED = 3, /* reserved by a call */
    TG_LEDGER_SECTION = 4, /* a user reads; the stamp from bit 8 on */
};

enum tg_pin_kind {
    TG_PIN_PASSING = 0, /* of a call under way */
    TG_PIN_KEPT = 1,    /* given to a caller */
};

struct tg_pin_info {
    tg_a32 thread;
    tg_a32 stack; /* depot handle */
    tg_a64 since_ns;
};

/* ---- contexts ---------------------------------------------------------------- */

/* context.word = mode:3 | process + 1:13 | stamp:48 (the epoch while READ). */
enum tg_mode { TG_IDLE = 0, TG_HELD = 1, TG_READ = 2, TG_EXPELLED = 3 };
#define TG_WORD(mode, process1, stamp)                                                             \
    ((uint64_t)(mode) | (uint64_t)(process1) << 3 | (uint64_t)(stamp) << 16)
#define TG_WORD_MODE(word) ((enum tg_mode)((word) & 7))
#define TG_WORD_PROCESS1(word) ((uint32_t)((word) >> 3 & 0x1fff))
#define TG_WORD_STAMP(word) ((word) >> 16)

struct tg_log_entry {
    tg_a64 where; /* offset of the word, bit 0 set when it is a 64-bit one */
    tg_a64 value;
};

struct tg_limbo_batch {
    tg_a32 head;
    tg_a32 count;
    tg_a64 tag;
};

/* What a context still owes after its borrower died; the next borrower settles it. */
enum tg_run_state { TG_RUN_NONE = 0, TG_RUN_TAKEN, TG_RUN_FILLING, TG_RUN_PUNCHING };

struct tg_delta {
    tg_a64 entries; /* differences may be negative in one context: two's complement */
    tg_a64 bytes;
};

struct tg_context {
    _Alignas(TG_LINE) tg_a64 word;
    tg_a64 wait_since_ns;
    _Alignas(TG_LINE) tg_a64 held[TG_HELD_CAPACITY]; /* offsets of lock words, 0 = none */
    _Alignas(TG_LINE) tg_a64 log_state;              /* 0 empty, else the number of entries */
    struct tg_log_entry log[TG_LOG_CAPACITY];
    /* Private state: changed by logged stores only. */
    _Alignas(TG_LINE) tg_a64 version_count;
    tg_a64 run;           /* in-flight run: state:4 | pages:28 | first page:32 */
    tg_a32 orphan;        /* a private directory subtree under construction */
    tg_a32 limbo_open;    /* blocks retired, not yet tagged */
    tg_a32 limbo_open_tail;
    tg_a32 limbo_open_count;
    tg_a32 batch_first;   /* ring of tagged batches */
    tg_a32 batch_count;
    tg_a32 parked;        /* objects that were still pinned when their batch was drained */
    tg_a32 parked_count;
    tg_a64 parked_hint; /* hot.unpin_hint at the last look at the parked; a hint, not logged */
    struct tg_limbo_batch batch[TG_LIMBO_BATCHES];
    struct tg_delta delta[TG_GROUPS];
    /* Magazines follow: for each class a tg_a32 count and its refs (arena/classes.h). */
    tg_a32 magazines[];
};

/* ---- arena ------------------------------------------------------------------- */

enum tg_page_kind { TG_PAGE_NONE = 0, TG_PAGE_FREE, TG_PAGE_HOLE, TG_PAGE_RUN, TG_PAGE_SLAB };

struct tg_page {
    tg_a64 head;      /* kind:4 | class:12 | unused:16 | pages:32; first and last of a run */
    tg_a32 next;      /* free list or class list: page index + 1 */
    tg_a32 previous;
    tg_a32 free;      /* free blocks of a slab */
    tg_a32 spare;
};

struct tg_class {
    _Alignas(TG_LINE) tg_a64 lock;
    tg_a32 partial; /* slabs with a free block: page index + 1 */
    tg_a32 slabs;
};

/* ---- the table ---------------------------------------------------------------- */

struct tg_line {
    tg_a64 lock; /* the high half counts acquisitions: L0 and read-only readers validate it.
                    Of an overflow line only the link (offset 4) is used. */
    tg_a64 tags; /* 6 bits a slot */
    tg_a32 next; /* overflow line */
    tg_a32 marks; /* 2 bits a slot for the eviction hand */
    tg_a32 slot[TG_LINE_SLOTS]; /* records */
};

enum tg_record_flag {
    TG_RECORD_VALUE = 1,  /* an inline value of `size` bytes */
    TG_RECORD_OBJECT = 2, /* a value in an object */
    TG_RECORD_DIR = 4,    /* children */
};

/* Then, in this order: dir ref (if TG_RECORD_DIR), object ref (if TG_RECORD_OBJECT), name,
 * value. */
struct tg_record {
    tg_a32 hash;
    tg_a32 chunk;   /* where the parent lists it (0: in the dir itself); the limbo link later */
    tg_a64 version;
    tg_a32 parent;  /* the dir it is a child of */
    tg_a32 meta;    /* slot:8 | name length:8 | flags:8 | codec:8 */
    tg_a32 expiry;  /* tenths of seconds since creation of the store, 0 = never */
    tg_a32 size;
    tg_a32 tail[];
};

#define TG_META(slot, name_length, flags, codec)                                                   \
    ((uint32_t)(slot) | (uint32_t)(name_length) << 8 | (uint32_t)(flags) << 16 |                   \
     (uint32_t)(codec) << 24)
#define TG_META_SLOT(meta) ((meta) & 0xff)
#define TG_META_NAME(meta) ((meta) >> 8 & 0xff)
#define TG_META_FLAGS(meta) ((meta) >> 16 & 0xff)
#define TG_META_CODEC(meta) ((meta) >> 24)

enum tg_object_state {
    TG_OBJECT_FREE = 0,
    TG_OBJECT_PRIVATE = 1,  /* owned by one ledger entry, being filled */
    TG_OBJECT_LINKED = 2,   /* owned by one record */
    TG_OBJECT_UNLINKED = 3, /* in limbo or parked; pins may remain */
};

struct tg_object {
    tg_a32 state;
    tg_a32 link;
    tg_a64 version;
    tg_a64 size;
    tg_a32 payload;
    tg_a32 pinned;  /* hint: somebody has pinned this object since it was made */
    tg_a32 pages;   /* of the payload's run, 0 = a block */
    tg_a32 codec;
    tg_a32 checksum;
    tg_a32 spare[5];
};

enum tg_dir_state { TG_DIR_FREE = 0, TG_DIR_LIVE = 1, TG_DIR_DEAD = 2 };

struct tg_dir {
    tg_a32 state;
    tg_a32 link;
    tg_a64 lock;
    tg_a32 generation; /* moves at every reuse */
    tg_a32 count;      /* children */
    tg_a32 first;      /* chunks, by rising ordinal */
    tg_a32 last;
    tg_a32 partial;    /* chunks with a free slot */
    tg_a32 reap_next;
    tg_a64 next_ordinal;
    tg_a32 group;
    tg_a32 spare[3];
    tg_a32 slot[TG_DIR_SLOTS];
};

struct tg_chunk {
    tg_a32 dir;
    tg_a32 link;
    tg_a32 next;
    tg_a32 previous;
    tg_a32 partial_next;
    tg_a32 partial_previous;
    tg_a32 used;
    tg_a32 spare;
    tg_a64 ordinal;
    tg_a32 slot[TG_CHUNK_SLOTS];
};

enum tg_claim_kind { TG_CLAIM_BUILD = 1, TG_CLAIM_MEMO = 2 };

struct tg_claim {
    tg_a32 next;
    tg_a32 link;
    tg_a64 token;      /* unique; another one whenever the claim changes hands */
    tg_a64 waits_for;  /* the token of the claim that its builder waits for, 0 = none */
    tg_a32 waits_on;   /* the stripe of that claim */
    tg_a32 state;      /* kind:8 | moved:8 */
    tg_a32 process;    /* the builder's */
    tg_a32 generation; /* of its process entry */
    tg_a32 thread;
    tg_a32 expiry;     /* of the lease, or of the memo; as a record's */
    tg_a32 dir;        /* the innermost directory that there was on the way to the key, */
    tg_a32 dir_generation;
    tg_a32 rest;       /* and where the key's text below it begins */
    tg_a32 size;       /* of the key */
    uint8_t key[];
};

#define TG_CLAIM_STATE(kind, moved) ((uint32_t)(kind) | (uint32_t)(moved) << 8)
#define TG_CLAIM_KIND(state) ((enum tg_claim_kind)((state) & 0xff))
#define TG_CLAIM_MOVED(state) ((state) >> 8 & 1)

_Static_assert(sizeof(struct tg_record) == 32, "the header of an entry is 32 bytes");
_Static_assert(sizeof(struct tg_object) == 64, "an object header is one line");
#ifndef TG_SIM
_Static_assert(sizeof(struct tg_line) == 64, "a bucket is one line");
_Static_assert(sizeof(struct tg_dir) == 128, "a dir is two lines");
_Static_assert(sizeof(struct tg_chunk) == 256, "a chunk fills its class");
_Static_assert(TG_LINE_SLOTS * 6 <= 64 && TG_LINE_SLOTS * 2 <= 32, "tags and marks fit");
#endif

enum {
    TG_LINK_OFFSET = 4,
    TG_NAME_MAX = 255,
    TG_KEY_MAX = 4096,
};

#endif
