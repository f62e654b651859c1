# SPDX-License-Identifier: Apache-2.0
"""What the figures were measured on: the class of hardware, and versions. No names, no paths."""

import importlib.metadata
import os
import platform
import shutil
import subprocess
from pathlib import Path
from typing import Any

_PACKAGES = (
    *("tryget", "msgspec", "numpy", "lmdb", "diskcache", "redis", "hiredis"),
    *("pymemcache", "cachetools", "cachebox"),
)
_PROGRAMS = (("redis-server", "--version"), ("memcached", "--version"))


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith(("model name", "CPU implementer")):
            return line.split(":", 1)[1].strip()
    return platform.machine()


def _memory_gib() -> int:
    pages = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGESIZE")
    return round(pages / (1 << 30))


def _versions() -> dict[str, str]:
    found = {}
    for package in _PACKAGES:
        try:
            found[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            continue
    for program, option in _PROGRAMS:
        if shutil.which(program) is not None:
            done = subprocess.run([program, option], capture_output=True, text=True, check=False)
            words = [word for word in done.stdout.replace("=", " ").split() if word[0].isdigit()]
            found[program] = words[0] if words else "?"
    return found


def describe() -> dict[str, Any]:
    """For the report."""
    return {
        "processor": _processor(),
        "machine": platform.machine(),
        "cores": len(os.sched_getaffinity(0)),
        "memory_gib": _memory_gib(),
        "virtual": "hypervisor" in Path("/proc/cpuinfo").read_text(),
        "kernel": ".".join(platform.release().split(".")[:2]),
        "python": platform.python_version(),
        "load": round(os.getloadavg()[0], 1),
        "versions": _versions(),
    }
