# SPDX-License-Identifier: Apache-2.0
"""`ABSENT`: what a factory returns when there is no value."""

from typing import Final, final


@final
class Absent:
    """The type of `tryget.ABSENT`, its only object. It is false, and pickles to itself."""

    __slots__ = ()
    _only: "Absent | None" = None

    def __new__(cls) -> "Absent":
        if cls._only is None:
            cls._only = super().__new__(cls)
        return cls._only

    def __bool__(self) -> bool:
        return False

    def __repr__(self) -> str:
        return "tryget.ABSENT"

    def __reduce__(self) -> str:
        return "ABSENT"


Absent.__module__ = "tryget"  # where pickle looks for it
ABSENT: Final = Absent()
