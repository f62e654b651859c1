# SPDX-License-Identifier: Apache-2.0
"""What a torture is made of: sizes of stores, profiles, and which round is which."""

import random
from dataclasses import dataclass, field

SIZES = {"tiny": 4 << 20, "small": 16 << 20, "medium": 96 << 20, "large": 512 << 20}


@dataclass(frozen=True)
class Profile:
    """How a round goes: what the workers do, in what store."""

    name: str
    sizes: tuple[str, ...]  # of the store, one of them by chance
    keys: int  # of the values that all workers share
    value_bytes: tuple[int, ...]  # about
    weights: dict[str, float] = field(default_factory=dict)  # of groups of steps; others have 1
    forks: float = 1.0  # as a multiple of --forks

    def weight(self, group: str) -> float:
        """How often a group of steps is chosen."""
        return self.weights.get(group, 1.0)


_USUAL = (8, 60, 500, 1020, 1040, 5000, 30_000, 70_000, 300_000)
PROFILES = {
    profile.name: profile
    for profile in (
        Profile("mixed", ("small", "medium"), 200, _USUAL),
        Profile("tiny", ("tiny",), 6, (8, 200, 1020, 1040, 9000), {"own": 0.3}),
        Profile(
            "full",
            ("tiny", "small"),
            400,
            (700, 1040, 20_000, 70_000, 400_000),
            {"shared": 3, "held": 2, "whole": 0.3},
        ),
        Profile("forks", ("small",), 60, _USUAL, {"held": 3}, forks=8.0),
        Profile("renames", ("small",), 40, (8, 500, 1040), {"tree": 8, "own": 2, "whole": 0.5}),
        Profile("large", ("large",), 2000, (500, 70_000, 1 << 20, 4 << 20), {"tree": 0.5}),
    )
}
CHOICES = [*PROFILES, "all"]


@dataclass(frozen=True)
class Round:
    """One store's life."""

    number: int
    seed: int
    profile: Profile
    size: int
    seconds: float
    ending: str  # how the workers end: "at once", "stopped first", "store closed first"


def rounds_of(
    seed: int, profile: str, size: str | None, seconds: float, round_seconds: float
) -> list[Round]:
    """All rounds of a torture: the seed decides, the clock does not."""
    chance = random.Random(seed)
    count = max(1, round(seconds / round_seconds))
    names = list(PROFILES) if profile == "all" else [profile]
    chance.shuffle(names)
    rounds = []
    for number in range(count):
        chosen = PROFILES[names[number % len(names)]]
        store = size or chance.choice(chosen.sizes)
        ending = chance.choice(("at once", "at once", "stopped first", "store closed first"))
        rounds.append(
            Round(number, chance.getrandbits(62), chosen, SIZES[store], seconds / count, ending)
        )
    return rounds
