/* SPDX-License-Identifier: Apache-2.0 */
#include "crc.h"

#include <stdbool.h>
#include <string.h>

/* The polynomial 0x1edc6f41, reflected, by half bytes: small enough to stay out of the way. */
static const uint32_t table[16] = {
    0x00000000, 0x105ec76f, 0x20bd8ede, 0x30e349b1, 0x417b1dbc, 0x5125dad3, 0x61c69362, 0x7198540d,
    0x82f63b78, 0x92a8fc17, 0xa24bb5a6, 0xb21572c9, 0xc38d26c4, 0xd3d3e1ab, 0xe330a81a, 0xf36e6f75,
};

static uint32_t crc_portable(uint32_t crc, const uint8_t *bytes, size_t size) {
    for (size_t i = 0; i < size; i++) {
        crc ^= bytes[i];
        crc = crc >> 4 ^ table[crc & 15];
        crc = crc >> 4 ^ table[crc & 15];
    }
    return crc;
}

#if defined(__x86_64__)

__attribute__((target("sse4.2"))) static uint32_t crc_machine(uint32_t crc, const uint8_t *bytes,
                                                              size_t size) {
    uint64_t wide = crc;
    for (; size >= 8; bytes += 8, size -= 8) {
        uint64_t eight;
        memcpy(&eight, bytes, 8);
        wide = __builtin_ia32_crc32di(wide, eight);
    }
    crc = (uint32_t)wide;
    for (; size; bytes++, size--) crc = __builtin_ia32_crc32qi(crc, *bytes);
    return crc;
}

static bool machine_has_crc(void) { return __builtin_cpu_supports("sse4.2"); }

#else

static uint32_t crc_machine(uint32_t crc, const uint8_t *bytes, size_t size) {
    return crc_portable(crc, bytes, size);
}

static bool machine_has_crc(void) { return false; }

#endif

uint32_t tg_crc32c(uint32_t crc, const void *bytes, size_t size) {
    return ~(machine_has_crc() ? crc_machine(~crc, bytes, size) : crc_portable(~crc, bytes, size));
}
