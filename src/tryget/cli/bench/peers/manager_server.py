# SPDX-License-Identifier: Apache-2.0
"""The server of the peer `manager`. It runs as a file and imports nothing of the package."""

import sys
from multiprocessing.managers import BaseManager, DictProxy
from typing import Any

KEY = b"tryget-bench"  # of the manager's socket, which only its user can open
_STORE: dict[str, Any] = {}


def _store() -> dict[str, Any]:
    return _STORE


class ServedManager(BaseManager):
    """Everybody gets the same dict."""


def main(socket: str) -> None:
    """For ever."""
    ServedManager.register("store", _store, DictProxy)
    ServedManager(address=socket, authkey=KEY).get_server().serve_forever()


if __name__ == "__main__":
    main(sys.argv[1])
