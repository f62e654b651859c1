# SPDX-License-Identifier: Apache-2.0
"""When something that is left to chance happens next."""

import random
import time


class Pace:
    """Events at a mean rate a second; 0: never."""

    def __init__(self, rate: float, chance: random.Random) -> None:
        self.rate = rate
        self.chance = chance
        self.next = 0.0
        self._wait()

    def _wait(self) -> None:
        gap = self.chance.uniform(0.3, 1.7) / self.rate if self.rate > 0 else float("inf")
        self.next = time.monotonic() + gap

    def is_due(self) -> bool:
        """Whether it is time; asked again, for the next time."""
        if time.monotonic() < self.next:
            return False
        self._wait()
        return True
