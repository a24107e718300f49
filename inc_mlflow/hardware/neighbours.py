"""How busy others keep the CPUs that share a cache with an instance.

They take its cache and memory bandwidth, which CPU time does not show.
"""

import os
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from inc_mlflow.hardware.counters import cpu_times

PROC = Path("/proc")


@dataclass
class Neighbours:
    """Others' use of ``cpus``: ``watch`` adds the share of their time to ``shares``; None if not readable.

    Other machines on this host count too, as far as the hypervisor reports them.
    """

    cpus: Sequence[int]
    proc: Path = PROC
    shares: list[float | None] = field(default_factory=list)

    @contextmanager
    def watch(self, pids: Sequence[int]) -> Iterator[None]:
        """Watch the CPUs meanwhile. What this process and those of ``pids`` use does not count."""
        start, before = time.monotonic(), self._used(pids)
        yield
        self.shares.append(self._share(time.monotonic() - start, before, self._used(pids)))

    def _share(self, seconds: float, before: float | None, after: float | None) -> float | None:
        if before is None or after is None:
            return None
        return max(0.0, after - before) / (seconds * len(self.cpus))

    def _used(self, pids: Sequence[int]) -> float | None:
        """Return the seconds that others have used so far."""
        cpus = cpu_times(self.proc / "stat") or {}
        if not self.cpus or not set(self.cpus) <= cpus.keys():
            return None  # lxcfs shows a container fewer CPUs than there are
        ours = time.process_time() + sum(_ran(self.proc / str(pid)) for pid in pids)
        return sum(sum(cpus[cpu]) for cpu in self.cpus) - ours


def sharing(cpu: int, sysfs: Path) -> list[int]:
    """Return the CPUs that share the largest cache with this one; this one alone where Linux does not say."""
    caches = {
        int((folder / "level").read_text()): folder
        for folder in (sysfs / f"cpu{cpu}" / "cache").glob("index[0-9]*")
    }
    if not caches:
        return [cpu]
    return _numbers((caches[max(caches)] / "shared_cpu_list").read_text())


def _ran(process: Path) -> float:
    fields = (process / "stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _numbers(text: str) -> list[int]:
    """Read whole numbers as Linux lists them: "0-2,5" -> [0, 1, 2, 5]."""
    runs = [[int(end) for end in part.split("-")] for part in text.strip().split(",")]
    return [number for run in runs for number in range(run[0], run[-1] + 1)]
