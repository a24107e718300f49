"""Conditions of a benchmark: the CPUs of its instances, their settings, and other load on the machine."""

from typing import Literal

from pydantic import Field

from inc_mlflow.records.base import Frozen

Disturbance = Literal["waited", "stolen", "other", "throttled", "migrated", "slowed"]
"""What can disturb a round: waiting for a CPU, the hypervisor, other processes, a cgroup's quota, migration,
a slower clock."""


class Plan(Frozen):
    """Where the instances of one layout run on one host."""

    layout: str
    """The complete layout, with all its numbers."""
    cpus: tuple[tuple[int, ...], ...]
    """CPUs of each instance, as Linux numbers them; one thread each."""
    pinned: bool
    """False where the system cannot bind a process to CPUs; ``cpus`` then only counts threads."""
    usable: int
    """CPUs that this process may use."""
    quota: float | None
    """CPU time that cgroups allow, in CPUs; None where they set no limit."""
    notes: tuple[str, ...]

    def text(self) -> str:
        """Return the plan in one line, for people."""
        pinned = " | ".join(map(cpu_list, self.cpus))
        places = pinned if self.pinned else "not pinned: this system cannot"
        limit = f", of which cgroups allow {self.quota:g} at a time" if self.quota is not None else ""
        return "; ".join(
            (f"layout {self.layout} on CPUs {places} ({self.usable} usable{limit})", *self.notes)
        )


class Load(Frozen):
    """Disturbance of the instances in one round; each cause has the value of the worst turn.

    None where this system does not let us read it. From times that the kernel gives in ticks of 10 ms, the
    largest rounding error is subtracted.
    """

    waited: float | None
    """Share of the turn in which an instance was ready to run and waited for its CPUs, of the worst one."""
    stolen: float | None
    """Share of the turn that the hypervisor took from a CPU, of the worst one."""
    other: float | None
    """Share of the turn in which a CPU worked for other processes, of the worst one."""
    throttled: int | None
    """Number of periods in which a cgroup's quota stopped its processes."""
    migrated: int | None
    """How often a working thread of an instance changed its CPU."""
    slowed: float | None
    """Lowest clock of the CPUs at the end of the turn, as a share of the highest seen in this benchmark."""


class Rounds(Frozen):
    """Rounds of a benchmark in wall time: how many are clean, and what disturbed the others."""

    clean: int
    dropped: int
    disturbed: dict[Disturbance, int]
    """Cause -> rounds dropped for it; one round may have several."""
    unread: tuple[Disturbance, ...]
    """Causes that this system does not let us read."""
    loads: tuple[Load, ...]
    """Load of every round, in their order."""


class Conditions(Frozen):
    """How the numbers of one benchmark were made."""

    plan: Plan
    scenario: str
    rate: float | None
    """Requests per second to all instances together; None where they run as fast as possible."""
    settings: dict[str, int | str | bool]
    """How the reference's engine runs every instance, under its own names."""
    passes: int | None
    """Passes over the batches of each model, by CPU time; None in wall time."""
    rounds: Rounds | None
    """None by CPU time, which has no rounds to drop."""
    neighbours: tuple[float | None, ...] | None = None
    """Load of other processes on the CPUs that share a cache with the instance, as a share of their time.

    One value for each generation of processes, None where it cannot be read. In wall time there are none.
    """
    other_settings: dict[str, dict[str, int | str | bool]] = Field(default_factory=dict)
    """The same of the job's other engines, by name."""


def cpu_list(numbers: tuple[int, ...]) -> str:
    """Write whole numbers as Linux lists CPUs: (0, 1, 2, 5) -> "0-2,5"."""
    runs: list[list[int]] = []
    for number in sorted(numbers):
        if runs and number == runs[-1][-1] + 1:
            runs[-1].append(number)
        else:
            runs.append([number])
    return ",".join(str(run[0]) if len(run) == 1 else f"{run[0]}-{run[-1]}" for run in runs)
