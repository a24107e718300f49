"""Which CPUs this process may use, and their cores, sockets and memory nodes, from Linux."""

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from inc_mlflow.hardware.probe import usable_cores
from inc_mlflow.hardware.quota import Quota, cpu_quota

SYSFS = Path("/sys/devices/system/cpu")


@dataclass(frozen=True)
class Cpu:
    """One logical CPU. Those of one ``core`` are hyperthread siblings; it is the lowest number among them."""

    number: int
    core: int
    socket: int
    node: int


@dataclass(frozen=True)
class Topology:
    """CPUs that this process may use, and the time that cgroups allow; ``notes`` say what is not known."""

    cpus: tuple[Cpu, ...]
    quota: Quota | None
    pinnable: bool
    notes: tuple[str, ...] = ()


def topology() -> Topology:
    """Return the topology of this host."""
    cpus, notes = read_cpus(usable_cores(), SYSFS)
    return Topology(cpus, cpu_quota(), hasattr(os, "sched_setaffinity"), notes)


def read_cpus(numbers: Sequence[int], sysfs: Path) -> tuple[tuple[Cpu, ...], tuple[str, ...]]:
    """Return the CPUs of these numbers, and notes.

    Where sysfs does not describe them, each is taken as a core of one socket, and a note says so.
    """
    known = all((sysfs / f"cpu{number}" / "topology").is_dir() for number in numbers)
    if known:
        return tuple(_cpu(number, sysfs / f"cpu{number}") for number in numbers), ()
    note = f"{sysfs} does not tell which CPUs share a core, a socket or memory: taken as cores of one socket"
    return tuple(Cpu(number, number, 0, 0) for number in numbers), (note,)


def _cpu(number: int, folder: Path) -> Cpu:
    siblings = (folder / "topology" / "thread_siblings_list").read_text()
    socket = (folder / "topology" / "physical_package_id").read_text()
    nodes = [int(link.name.removeprefix("node")) for link in folder.glob("node[0-9]*")]
    return Cpu(number, int(re.split("[,-]", siblings)[0]), int(socket), nodes[0] if nodes else 0)
