# SPDX-License-Identifier: Apache-2.0
"""`open`, `unlink`, `stores`: stores by their names."""

import os
from typing import Literal

from tryget import _core
from tryget._path import (
    check_name,
    kept_max,
    parse_size,
    resolve_directory,
    store_path,
)
from tryget.codecs.custom import Codec
from tryget.codecs.registry import SAFE, Coding, coding
from tryget.store.readonly import ReadOnlyStore
from tryget.store.records import StoreInfo
from tryget.store.store import Store

_IF_ABSENT, _NEVER, _EXCLUSIVE = 0, 1, 2  # enum tg_create
_PROCESSES_MAX = 4096
_STATES = {"TG_OK": "good", "TG_LAYOUT": "layout", "TG_CORRUPT": "corrupt"}


def open(
    name: str = "default",
    *,
    size: int | str | None = None,
    directory: str | os.PathLike[str] | None = None,
    create: bool | Literal["exclusive"] = True,
    readonly: bool = False,
    mode: int = 0o600,
    codec: Literal["safe", "pickle"] | Codec = "safe",
    reuse: Literal["immutable", "always", "never"] = "immutable",
    timeout: float | None = 5.0,
    max_processes: int = 512,
    on_mismatch: Literal["error", "new"] = "error",
) -> Store:
    """Opens a store: makes it, or attaches to the one that exists.

    >>> import tryget
    >>> store = tryget.open("doc-open", size="64MiB")
    >>> store["greeting"] = "hello"
    >>> tryget.open("doc-open")["greeting"]
    'hello'
    >>> store.close()
    >>> tryget.unlink("doc-open")

    size          the most it may grow to: bytes, or text such as "512MiB"; 1 GiB
    directory     where its file is: $TRYGET_DIR, else /dev/shm/tryget-<uid>
    create        False: StoreNotFound when missing; "exclusive": StoreExists when there
    readonly      only reads, from a file that may be somebody else's; StoreNotFound when missing
    mode          permission bits of a new file; of an old one, those that are meant
    codec         "safe": plain data, NumPy, Arrow; "pickle": the rest too; or an object with
                  encode(value) and decode(parts)
    reuse         when a second read may return the very object of the first: "immutable", if no
                  part of it can be changed; "always"; "never"
    timeout       seconds that a writing call waits for another process, or None
    max_processes how many may have it open at once
    on_mismatch   a store of another layout: "error", or "new" to make another in its place
    """
    chosen = coding(codec)
    limit = 0 if size is None else parse_size(size)
    _check_choices(create, readonly, mode, reuse, max_processes, on_mismatch)
    how = _EXCLUSIVE if create == "exclusive" else _IF_ABSENT if create else _NEVER
    if readonly:
        how = _NEVER
    folder = resolve_directory(directory, make=how != _NEVER)
    attachment = _core.attach(
        folder,
        check_name(name),
        store_path(folder, name),
        limit,
        how,
        mode,
        max_processes,
        on_mismatch == "new",
        timeout,
        None,
        readonly,
    )
    return _store(attachment, chosen, name, folder, timeout, mode, reuse)


def _store(
    attachment: _core.Attachment,
    chosen: Coding,
    name: str,
    folder: str,
    timeout: float | None,
    mode: int,
    reuse: str,
) -> Store:
    kind = ReadOnlyStore if attachment.readonly else Store
    return kind(
        attachment,
        chosen,
        name=name,
        directory=folder,
        timeout=timeout,
        mode=mode,
        reuse=reuse,
        kept=kept_max(),
    )


def _check_choices(
    create: object,
    readonly: object,
    mode: object,
    reuse: object,
    max_processes: object,
    on_mismatch: object,
) -> None:
    if create is not True and create is not False and create != "exclusive":
        raise ValueError(f"create is True, False or 'exclusive', not {create!r}")
    if readonly is not True and readonly is not False:
        raise TypeError(f"readonly is True or False, not {readonly!r}")
    if readonly and create == "exclusive":
        raise ValueError("a store that is only read can't be created: leave out create='exclusive'")
    if isinstance(mode, bool) or not isinstance(mode, int) or not 0 <= mode <= 0o777:
        raise ValueError(f"mode is permission bits such as 0o600, not {mode!r}")
    if reuse not in ("immutable", "always", "never"):
        raise ValueError(f"reuse is 'immutable', 'always' or 'never', not {reuse!r}")
    if on_mismatch not in ("error", "new"):
        raise ValueError(f"on_mismatch is 'error' or 'new', not {on_mismatch!r}")
    if isinstance(max_processes, bool) or not isinstance(max_processes, int):
        raise TypeError(f"max_processes is an int, not {type(max_processes).__name__}")
    if not 1 <= max_processes <= _PROCESSES_MAX:
        raise ValueError(f"max_processes is 1 to {_PROCESSES_MAX}, not {max_processes}")


def reopen(
    directory: str,
    name: str,
    uuid: bytes,
    mode: int,
    reuse: str = "immutable",
    readonly: bool = False,
    timeout: float | None = 5.0,
) -> Store:
    """A store that was pickled: that very store, with codec `safe`; else StoreNotFound."""
    attachment = _core.attach(
        directory,
        name,
        store_path(directory, name),
        0,
        _NEVER,
        mode,
        0,
        False,
        timeout,
        uuid,
        readonly,
    )
    return _store(attachment, SAFE, name, directory, timeout, mode, reuse)


def unlink(name: str, *, directory: str | os.PathLike[str] | None = None) -> None:
    """Removes a store: its memory goes when the last process that has it open is done.

    >>> import tryget
    >>> tryget.open("doc-unlink", size="4MiB").close()
    >>> tryget.unlink("doc-unlink")
    >>> tryget.open("doc-unlink", create=False)
    Traceback (most recent call last):
    tryget.StoreNotFound: ...
    """
    folder = resolve_directory(directory, make=False)
    _core.unlink(folder, check_name(name), store_path(folder, name))


def stores(directory: str | os.PathLike[str] | None = None) -> list[StoreInfo]:
    """The stores of a folder, by name.

    >>> import tryget
    >>> tryget.open("doc-stores", size="4MiB").close()
    >>> [info.size for info in tryget.stores() if info.name == "doc-stores"]
    [4194304]
    >>> tryget.unlink("doc-stores")
    """
    folder = resolve_directory(directory, make=False)
    return [
        StoreInfo(
            name=name,
            path=store_path(folder, name),
            state=_STATES.get(status, "not ours"),
            size=limit,
            allocated=allocated,
            processes=processes,
            uuid=uuid.hex(),
        )
        for name, status, _, limit, allocated, processes, uuid in sorted(_core.each(folder))
    ]
