# SPDX-License-Identifier: Apache-2.0
"""Numbers for people, and the method in words."""

from tryget.cli.bench.data import Results, Row

METHOD = (
    "All peers do the same work in the same run: in each round every peer is measured in turn, "
    "for a slice of time, and what is shown is the median of the rounds.",
    "A slice during which the process lost its core to another program is measured again, ten "
    "times at most; not of peers with a server, which lose it by their nature.",
    "The process that reads a shared peer is not the one that filled it. Peers within a process "
    "are filled in each process. Everything lies in memory (tmpfs).",
    "Times are those of a Python loop round the call; the loop itself is included and has a row "
    "of its own. Garbage collection is off meanwhile. Nothing is pinned to a core.",
    "Values are bytes, so that nobody has to serialise them; small dicts are pickled by the users "
    "of LMDB, SQLite, files, Redis and memcached, and by the others themselves.",
    "Peers within one process return the very object that was stored, with no copy; a process "
    "that changes it changes the cache. They share nothing with other processes.",
    'Ratios to dict compare with the same call of a dict in the same rounds. "tryget" may return '
    'the object of an earlier read; "tryget, decoding" makes a new one each time, of bytes that '
    'the process keeps as long as they are the value; "tryget, keeping nothing" reads the store.',
    "Before random keys of a size are read, those who keep what they read have read each of them "
    'once ("each once" is what that took); so has a dict.',
)


def short(value: float, unit: str) -> str:
    """Three digits and a unit: 14.2 ns, 1.35 us, 9.8 M/s."""
    scale: tuple[tuple[str, float], ...]
    if unit == "ns":
        scale = (("s", 1e9), ("ms", 1e6), ("us", 1e3), ("ns", 1.0))
    elif unit == "ms":
        scale = (("s", 1e3), ("ms", 1.0), ("us", 1e-3))
    elif unit == "1/s":
        scale = (("M/s", 1e6), ("k/s", 1e3), ("/s", 1.0))
    else:
        scale = ((unit, 1.0),)
    for name, size in scale:
        if abs(value) >= size or name == scale[-1][0]:
            scaled = value / size
            digits = 0 if abs(scaled) >= 100 else 1 if abs(scaled) >= 10 else 2
            return f"{scaled:.{digits}f} {name}"
    raise AssertionError("the last scale takes everything")


def ratio_to_dict(results: Results, row: Row) -> str:
    """As text; empty without a dict's row, or for what is no time or rate."""
    base = results.find(row.workload, row.case, "dict", row.x)
    if base is None or row.unit not in ("ns", "1/s") or base.median == 0:
        return ""
    ratio = row.median / base.median
    return f"{ratio:.0f}" if ratio >= 100 else f"{ratio:.2f}" if ratio >= 0.1 else f"{ratio:.1g}"


def machine_line(results: Results) -> str:
    """One sentence."""
    machine = results.machine
    kind = "virtual machine, " if machine["virtual"] else ""
    return (
        f"{kind}{machine['cores']} cores ({machine['processor']}), {machine['memory_gib']} GiB, "
        f"Linux {machine['kernel']}, Python {machine['python']}; "
        f"load {machine['load']} at the start"
    )
