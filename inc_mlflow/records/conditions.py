"""How a benchmark was measured: where its instances ran, with which settings, and what else the machine did."""

from typing import Literal

from inc_mlflow.records.base import Frozen

Disturbance = Literal["waited", "stolen", "other", "throttled", "migrated", "slowed"]
"""What can disturb a round: waiting for a CPU, the hypervisor, other processes, the cgroup, moving, a slower
clock."""


class Plan(Frozen):
    """Where the instances of one layout run on one host."""

    layout: str
    """With nothing left open."""
    cpus: tuple[tuple[int, ...], ...]
    """CPUs of each instance, as Linux numbers them; one thread each."""
    pinned: bool
    """False where the system cannot bind a process to CPUs; ``cpus`` then only counts threads."""
    usable: int
    """CPUs that this process may use."""
    quota: float | None
    """CPUs' worth of time that cgroups allow; None where they set no limit."""
    notes: tuple[str, ...]

    def text(self) -> str:
        """Return the plan in one line, for a person."""
        places = (
            " | ".join(cpu_list(cpus) for cpus in self.cpus)
            if self.pinned
            else "not pinned: this system cannot"
        )
        limit = f", of which cgroups allow {self.quota:g} at a time" if self.quota is not None else ""
        return "; ".join(
            (f"layout {self.layout} on CPUs {places} ({self.usable} usable{limit})", *self.notes)
        )


class Load(Frozen):
    """What disturbed the instances in one round: of each cause that of the worst turn.

    None is what this system does not let us read. Times that the kernel gives in ticks of 10 ms count without
    what rounding alone can make.
    """

    waited: float | None
    """Share of the turn that the worst-off instance was ready to run and waited for its CPUs."""
    stolen: float | None
    """Share of the turn that the hypervisor took from the CPU it took most from."""
    other: float | None
    """Share of the turn that the CPU with most other load worked for neither instances nor their parent."""
    throttled: int | None
    """Periods in which a cgroup with a quota stopped its processes."""
    migrated: int | None
    """Times that a working thread of an instance changed its CPU."""
    slowed: float | None
    """Lowest clock of the CPUs at the end of the turn, as a share of the highest seen in this benchmark."""


class Rounds(Frozen):
    """Rounds of a benchmark in wall time: how many count, and what disturbed the others."""

    clean: int
    dropped: int
    disturbed: dict[Disturbance, int]
    """Cause -> rounds dropped for it; one round may have several."""
    unread: tuple[Disturbance, ...]
    """Causes that this system does not let us see."""
    loads: tuple[Load, ...]
    """Of all rounds in their order."""


class Conditions(Frozen):
    """How the numbers of one benchmark were made."""

    plan: Plan
    scenario: str
    rate: float | None
    """Requests per second to all instances together; None where they run as fast as possible."""
    settings: dict[str, dict[str, int | str | bool]]
    """Engine -> how it runs every instance, under its own names."""
    passes: int | None
    """Passes over the batches of each model, by CPU time; None in wall time."""
    rounds: Rounds | None
    """None by CPU time, which has no rounds to drop."""
    neighbours: tuple[float | None, ...] | None = None
    """By CPU time, of each generation of processes: the share of the time of the CPUs that share a cache with
    the instance that others used; None where it cannot be read. None in wall time."""


def cpu_list(numbers: tuple[int, ...]) -> str:
    """Write whole numbers as Linux lists CPUs: (0, 1, 2, 5) -> "0-2,5"."""
    runs: list[list[int]] = []
    for number in sorted(numbers):
        if runs and number == runs[-1][-1] + 1:
            runs[-1].append(number)
        else:
            runs.append([number])
    return ",".join(str(run[0]) if len(run) == 1 else f"{run[0]}-{run[-1]}" for run in runs)
