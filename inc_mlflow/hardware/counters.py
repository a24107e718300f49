"""What else the machine did while a benchmark ran, from the kernel's counters."""

import os
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from inc_mlflow.records import Load

_WORKING = 0.01
"""Least share of a turn that a thread runs to count as working; helper threads of libraries sleep."""
_STOLEN_TICKS, _BUSY_TICKS = 1, 2
"""Ticks that rounding alone can make between two readings. Stolen time is one counter; busy time is two, user
and system, and so is that of a thread where the kernel gives it in ticks."""


@dataclass(frozen=True)
class _Thread:
    """Counters of one thread; seconds since it began. None is what the kernel does not give."""

    ran: float
    waited: float | None
    cpu: int
    migrations: int | None


@dataclass(frozen=True)
class _Snapshot:
    at: float
    threads: Mapping[tuple[int, int], _Thread]
    parent: float
    cpus: Mapping[int, tuple[float, float]] | None
    throttled: int | None


class LoadMeter:
    """Measure what disturbs the processes ``pids``; each call returns the load since the last one.

    It reads the counters of these processes, of the ``cpus`` they are bound to, and of the cgroups ``groups``
    that have a quota.
    """

    def __init__(
        self,
        pids: Sequence[int],
        cpus: Sequence[int],
        groups: Sequence[Path],
        proc: Path = Path("/proc"),
        sysfs: Path | None = None,
    ) -> None:
        self._pids, self._cpus, self._groups, self._proc = pids, cpus, groups, proc
        self._sysfs = sysfs or Path("/sys/devices/system/cpu")
        self._fastest = 0.0
        self._last = self._read()

    def __call__(self) -> Load:
        """Read all counters again; a thread that began since the last call counts from its begin."""
        first, last = self._last, self._read()
        self._last = last
        seconds = last.at - first.at
        stolen, other = self._busy(first, last)
        return Load(
            waited=_most_waited(first, last, seconds),
            stolen=None if stolen is None else stolen / seconds,
            other=None if other is None else other / seconds,
            throttled=None
            if last.throttled is None or first.throttled is None
            else last.throttled - first.throttled,
            migrated=_migrations(first, last, seconds * _WORKING),
            slowed=self._slowest(),
        )

    def _read(self) -> _Snapshot:
        threads = {
            (pid, thread): counters
            for pid in self._pids
            for thread, counters in _threads(self._proc / str(pid))
        }
        parent = sum(counters.ran for _, counters in _threads(self._proc / "self"))
        return _Snapshot(
            time.monotonic(), threads, parent, cpu_times(self._proc / "stat"), _throttled(self._groups)
        )

    def _busy(self, first: _Snapshot, last: _Snapshot) -> tuple[float | None, float | None]:
        """Return the most seconds stolen from one CPU, and the most that other processes ran on one.

        Ticks that rounding alone can make do not count. The parent may have run on any of the CPUs, so its
        time is subtracted on each.
        """
        if (
            first.cpus is None
            or last.cpus is None
            or not set(self._cpus) <= first.cpus.keys() & last.cpus.keys()
        ):
            return None, None  # lxcfs shows a container fewer CPUs than there are
        ours, tick = dict.fromkeys(self._cpus, last.parent - first.parent), 1 / os.sysconf("SC_CLK_TCK")
        for key, thread in last.threads.items():
            ran = thread.ran - (first.threads[key].ran if key in first.threads else 0.0)
            if thread.cpu in ours and ran > 0:
                ours[thread.cpu] += ran + (_BUSY_TICKS * tick if thread.waited is None else 0.0)
        stolen = max(last.cpus[cpu][1] - first.cpus[cpu][1] for cpu in self._cpus)
        other = max(last.cpus[cpu][0] - first.cpus[cpu][0] - ours[cpu] for cpu in self._cpus)
        return max(0.0, stolen - _STOLEN_TICKS * tick), max(0.0, other - _BUSY_TICKS * tick)

    def _slowest(self) -> float | None:
        files = [self._sysfs / f"cpu{cpu}" / "cpufreq" / "scaling_cur_freq" for cpu in self._cpus]
        texts = [file.read_text().strip() if file.is_file() else "" for file in files]
        if not all(text.isdecimal() for text in texts):  # some drivers write <unknown>
            return None
        clocks = [float(text) for text in texts]
        self._fastest = max(self._fastest, *clocks)
        return min(clocks) / self._fastest


def _most_waited(first: _Snapshot, last: _Snapshot, seconds: float) -> float | None:
    waits = [
        None
        if thread.waited is None
        else thread.waited - ((first.threads[key].waited or 0.0) if key in first.threads else 0.0)
        for key, thread in last.threads.items()
    ]
    known = [wait for wait in waits if wait is not None]
    return max(known) / seconds if known and len(known) == len(waits) else None


def _migrations(first: _Snapshot, last: _Snapshot, least: float) -> int | None:
    """Count the moves between CPUs of threads that ran at least ``least`` seconds.

    Where the kernel keeps no count, count the threads that ended on another CPU.
    """
    moves = 0
    for key, thread in last.threads.items():
        before = first.threads.get(key)
        if before is None or thread.ran - before.ran < least:
            continue
        counted = thread.migrations is not None and before.migrations is not None
        moves += (thread.migrations or 0) - (before.migrations or 0) if counted else thread.cpu != before.cpu
    return moves if last.threads else None


def _threads(process: Path) -> Iterator[tuple[int, _Thread]]:
    for folder in (process / "task").iterdir() if (process / "task").is_dir() else ():
        try:
            yield int(folder.name), _thread(folder)
        except (FileNotFoundError, ProcessLookupError):  # it ended while we looked
            continue


def _thread(folder: Path) -> _Thread:
    """Read one thread: schedstat in nanoseconds where the kernel counts, else stat in ticks.

    See proc_pid_stat(5). A kernel built without these counters has the file schedstat too, with zeros.
    """
    fields = (folder / "stat").read_text().rpartition(")")[2].split()
    cpu, ticks = int(fields[36]), int(fields[11]) + int(fields[12])
    file = folder / "schedstat"
    ran, waited, _ = map(int, file.read_text().split()) if file.is_file() else (0, 0, 0)
    if not file.is_file() or (ticks and not ran):
        return _Thread(ticks / os.sysconf("SC_CLK_TCK"), None, cpu, _moved(folder))
    return _Thread(ran / 1e9, waited / 1e9, cpu, _moved(folder))


def _moved(folder: Path) -> int | None:
    if not (folder / "sched").is_file():
        return None
    lines = (folder / "sched").read_text().splitlines()
    return next((int(line.partition(":")[2]) for line in lines if line.startswith("se.nr_migrations")), None)


def cpu_times(file: Path) -> dict[int, tuple[float, float]] | None:
    """Return (busy, stolen) seconds of every CPU; None where the system has no such file."""
    if not file.is_file():
        return None
    tick = os.sysconf("SC_CLK_TCK")
    rows = [
        line.split()
        for line in file.read_text().splitlines()
        if line.startswith("cpu") and not line.startswith("cpu ")
    ]
    return {
        int(row[0][3:]): (sum(int(row[n]) for n in (1, 2, 3, 6, 7)) / tick, int(row[8]) / tick)
        for row in rows
    }


def _throttled(groups: Sequence[Path]) -> int | None:
    """Return the throttled periods of all cgroups that have a quota; None where one does not count them."""
    counts = [_count(group / "cpu.stat") for group in groups]
    return None if None in counts else sum(count or 0 for count in counts)


def _count(file: Path) -> int | None:
    rows = (line.split() for line in file.read_text().splitlines()) if file.is_file() else ()
    return next((int(value) for name, value in rows if name == "nr_throttled"), None)
