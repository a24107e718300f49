"""Which rounds do not count: only other activity on the machine decides, never what was measured.

So dropping rounds cannot push the result to one side.
"""

from collections.abc import Callable, Sequence

import numpy as np

from inc_mlflow.formatting import percent
from inc_mlflow.records import Disturbance, Load, Rounds, cpu_list

WAITED, STOLEN, OTHER, SLOWED = 0.05, 0.05, 0.10, 0.70
"""Shares of a turn above which its round does not count; for SLOWED below which. A busy process on the same
CPU makes 0.3 to 0.5. OTHER is wider: kernels that sample CPU times at ticks are wrong by some ticks for CPUs
that are busy half of the time."""

NEEDED = 20
"""Clean rounds that a ratio needs."""

_DISTURBED: dict[Disturbance, Callable[[Load], bool]] = {
    "waited": lambda load: (load.waited or 0.0) > WAITED,
    "stolen": lambda load: (load.stolen or 0.0) > STOLEN,
    "other": lambda load: (load.other or 0.0) > OTHER,
    "throttled": lambda load: (load.throttled or 0) > 0,
    "migrated": lambda load: (load.migrated or 0) > 0,
    "slowed": lambda load: load.slowed is not None and load.slowed < SLOWED,
}


def causes(load: Load) -> list[Disturbance]:
    """Return what disturbed a round; what cannot be read on this system is no cause."""
    return [cause for cause, disturbed in _DISTURBED.items() if disturbed(load)]


def worst_load(loads: Sequence[Load]) -> Load:
    """Return of each cause the load of the turn that it disturbed most; None where it cannot be read."""
    read = {
        cause: [one for load in loads if (one := getattr(load, cause)) is not None] for cause in _DISTURBED
    }
    return Load(
        **{cause: (min if cause == "slowed" else max)(one, default=None) for cause, one in read.items()}
    )


def summarise(loads: Sequence[Load]) -> Rounds:
    """Return how many rounds count, and what disturbed the others; ``loads`` has one entry per round."""
    found = [causes(load) for load in loads]
    clean = sum(not one for one in found)
    return Rounds(
        clean=clean,
        dropped=len(loads) - clean,
        disturbed={cause: count for cause in _DISTURBED if (count := sum(cause in one for one in found))},
        unread=tuple(cause for cause in _DISTURBED if any(getattr(load, cause) is None for load in loads)),
        loads=tuple(loads),
    )


def too_few_clean(rounds: Rounds, cpus: Sequence[int]) -> list[str]:
    """Return a sentence for each cause where too few rounds are clean; nothing where enough are.

    A sentence says in how many rounds the cause disturbed, and how much: the median of those rounds.
    """
    if rounds.clean >= NEEDED:
        return []
    places = f"CPU{'s' if len(cpus) > 1 else ''} {cpu_list(tuple(cpus))}"
    return [_reason(cause, count, rounds, places) for cause, count in rounds.disturbed.items()]


def _reason(cause: Disturbance, count: int, rounds: Rounds, places: str) -> str:
    one = f"one of {places}" if places.startswith("CPUs") else places
    amount = float(np.median([getattr(load, cause) for load in rounds.loads if _DISTURBED[cause](load)]))
    share, times = percent(round(amount, 2)), f"{amount:g} times"
    blamed = "" if "throttled" in rounds.disturbed else f": other processes run on {places}"
    texts = {
        "waited": f"the instances waited for their CPUs {share} of the time{blamed}",
        "stolen": f"the hypervisor took {share} of the time of {one}: other machines run on this host",
        "other": f"other processes used {share} of the time of {one}",
        "throttled": f"the CPU quota stopped the instances {times}",
        "migrated": f"threads of the instances were moved to other CPUs {times}",
        "slowed": f"{one} ran at {share} of its highest clock",
    }
    return f"in {count} of {len(rounds.loads)} rounds {texts[cause]}"
