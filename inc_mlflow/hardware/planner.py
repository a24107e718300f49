"""Plan where the instances of a layout run, by arithmetic on what ``topology`` read.

Physical cores come before hyperthread siblings. An instance stays within one memory node, else within one
socket, where enough CPUs are free; those with higher numbers come first, since less else runs there. All
sockets of a layout are used.
"""

import math
from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Sequence, Set
from dataclasses import dataclass, replace

from inc_mlflow.errors import HardwareError
from inc_mlflow.hardware.topology import Cpu, Topology
from inc_mlflow.records import Plan
from inc_mlflow.spec import Layout

USUAL_CORES = 4
"""Cores per instance where a layout leaves them open: those of Intel's validated-models tables."""


@dataclass(frozen=True)
class _Pool:
    """CPUs of the sockets in use, physical cores first, and how many of them may be busy at once."""

    tiers: tuple[tuple[Cpu, ...], ...]
    allowed: int

    @property
    def size(self) -> int:
        return min(sum(map(len, self.tiers)), self.allowed)

    @property
    def physical(self) -> int:
        return min(len(self.tiers[0]), self.allowed)


def plan_layout(layout: Layout, topology: Topology, option: str = "benchmark.layout") -> Plan:
    """Fill what the layout leaves open and choose CPUs.

    ``option`` is where the layout was given, for messages. Raises HardwareError, with the arithmetic, where
    the layout needs more than there is.
    """
    whole = _whole(layout, topology)
    pool = _pool(topology, whole.sockets)
    if lacking := _lacking(whole, pool, topology):
        raise HardwareError(f"{option}: {whole} needs {lacking}")
    places = _places(whole, pool)
    return Plan(
        layout=str(whole),
        cpus=tuple(tuple(sorted(cpu.number for cpu in place)) for place in places),
        pinned=topology.pinnable,
        usable=len(topology.cpus),
        quota=topology.quota.cpus if topology.quota else None,
        notes=(*topology.notes, *_notes(places, pool, topology)),
    )


def _whole(layout: Layout, topology: Topology) -> Layout:
    """Fill the open parts: as many instances as physical cores hold, on the fewest sockets."""
    pool = _pool(topology, layout.sockets)
    cores = layout.cores or _cores(pool.physical, layout.instances)
    instances = layout.instances or max(1, min(_fitting_instances(pool, cores), pool.physical // cores))
    sockets = layout.sockets or _fewest(topology, cores * instances)
    return Layout(sockets, cores, instances, layout.batch)


def _cores(physical: int, instances: int | None) -> int:
    return max(1, physical // instances) if instances else min(USUAL_CORES, physical)


def _fitting_instances(pool: _Pool, cores: int) -> int:
    """Count the instances that fit on physical cores without crossing from socket to socket."""
    return sum(count // cores for count in Counter(cpu.socket for cpu in pool.tiers[0]).values())


def _fewest(topology: Topology, needed: int) -> int:
    """Return the fewest sockets that hold the CPUs needed, without hyperthread siblings if possible."""
    every = range(1, len(_sockets(topology)) + 1)
    pools = [_pool(topology, sockets) for sockets in every]
    for rooms in ([pool.physical for pool in pools], [pool.size for pool in pools]):
        enough = [sockets for sockets, room in zip(every, rooms, strict=True) if room >= needed]
        if enough:
            return enough[0]
    return every[-1]


def _pool(topology: Topology, sockets: int | None) -> _Pool:
    """Take the sockets with the most usable CPUs, of equal ones the later."""
    chosen = _sockets(topology)[:sockets]
    ranks: Counter[int] = Counter()
    tiers: list[list[Cpu]] = []
    for cpu in sorted(topology.cpus, key=lambda cpu: cpu.number):
        if cpu.socket in chosen:
            rank = ranks[cpu.core]
            ranks[cpu.core] += 1
            tiers += [[]] if rank == len(tiers) else []
            tiers[rank].append(cpu)
    return _Pool(tuple(map(tuple, tiers)), _allowed(topology))


def _allowed(topology: Topology) -> int:
    """Return the whole CPUs that the quota allows; one at least, which a smaller quota only slows down."""
    return max(1, math.floor(topology.quota.cpus)) if topology.quota else len(topology.cpus)


def _sockets(topology: Topology) -> list[int]:
    counts = Counter(cpu.socket for cpu in topology.cpus)
    return sorted(counts, key=lambda socket: (-counts[socket], -socket))


def _lacking(layout: Layout, pool: _Pool, topology: Topology) -> str | None:
    """Say what a layout needs and this machine has not, with a layout that fits."""
    sockets, cores, instances = layout.sockets or 1, layout.cores or 1, layout.instances or 1
    needed, there = cores * instances, len(_sockets(topology))
    if not topology.pinnable and needed > 1:
        return f"processes bound to CPUs, which this system cannot do; use 1s1c1ins{layout.batch}bs"
    if sockets > there:
        fitting = _fitting(replace(layout, sockets=there), topology)
        return f"{sockets} sockets; the CPUs of this process are on {there}; use {fitting}"
    if needed > pool.size:
        return (
            f"{instances} x {cores} = {needed} cores; this process may use {pool.size} "
            f"({_room(layout, pool, topology)}); use {_fitting(layout, topology)}"
        )
    if needed < sockets:
        fitting = replace(layout, sockets=needed)
        return (
            f"a CPU on each of its {sockets} sockets and has {instances} x {cores} = {needed}; use {fitting}"
        )
    return None


def _room(layout: Layout, pool: _Pool, topology: Topology) -> str:
    """Say what limits the CPUs: the cpuset, the sockets of the layout, a quota."""
    parts = [f"{_count(len(topology.cpus), 'CPU')} in its cpuset"]
    on_sockets = sum(map(len, pool.tiers))
    if on_sockets < len(topology.cpus):
        parts.append(f"{on_sockets} on {_count(layout.sockets or 1, 'socket')}")
    if topology.quota:
        parts.append(f"a CPU quota of {topology.quota.cpus:g} in {topology.quota.source}")
    return ", ".join(parts)


def _fitting(layout: Layout, topology: Topology) -> Layout:
    """Return the layout nearest to this one that fits: as many cores per instance, then as many instances."""
    pool = _pool(topology, layout.sockets)
    cores = min(layout.cores or 1, pool.size)
    instances = max(1, pool.size // cores)
    return replace(
        layout, sockets=min(layout.sockets or 1, cores * instances), cores=cores, instances=instances
    )


def _places(layout: Layout, pool: _Pool) -> list[list[Cpu]]:
    free, cores = [list(tier) for tier in pool.tiers], layout.cores or 1
    unused, places = {cpu.socket for cpu in free[0]}, list[list[Cpu]]()
    for left in range(layout.instances or 1, 0, -1):
        places.append(_place(cores, free, _due(unused, left, cores, free[0])))
        unused -= {cpu.socket for cpu in places[-1]}
    return places


def _due(unused: Set[int], left: int, cores: int, free: Iterable[Cpu]) -> list[list[int]]:
    """Return sets of sockets, of each of which the next of the ``left`` instances takes an equal share.

    One set of all unused sockets that hold it; else, if there are no instances to spare, as many sockets as
    it must span.
    """
    rooms = Counter(cpu.socket for cpu in free if cpu.socket in unused)
    count = math.ceil(len(rooms) / left)
    fitting = [socket for socket, room in rooms.items() if room >= cores]
    if count == 1 and fitting:
        return [fitting]
    if len(rooms) < left:
        return []
    return [[socket] for socket in sorted(rooms, key=lambda socket: (-rooms[socket], -socket))[:count]]


def _place(cores: int, free: list[list[Cpu]], due: Sequence[Sequence[int]]) -> list[Cpu]:
    """Take the CPUs of one instance out of ``free``.

    All of a tier come before the first of the next one, and within a tier siblings of CPUs that it has.
    """
    taken: list[Cpu] = []
    for sockets in due:
        _take([cpu for cpu in free[0] if cpu.socket in sockets], cores // len(due), free[0], taken)
    for tier in free:
        own = {cpu.core for cpu in taken}
        _take([cpu for cpu in tier if cpu.core in own], cores - len(taken), tier, taken)
        _take(tier, cores - len(taken), tier, taken)
    return taken


def _take(among: Sequence[Cpu], most: int, tier: list[Cpu], taken: list[Cpu]) -> None:
    """Move up to ``most`` CPUs from ``tier`` to ``taken``."""
    new = _nearest(among, min(most, len(among)), taken)
    for cpu in new:
        tier.remove(cpu)
    taken += new


def _nearest(tier: Sequence[Cpu], needed: int, beside: Sequence[Cpu]) -> list[Cpu]:
    """Choose CPUs of one memory node, else of one socket, else of any.

    Beside those taken already, then where most are free.
    """
    for part in (_node, _socket):
        groups = [group for group in _groups(tier, part) if len(group) >= needed]
        if groups:
            best = max(
                groups, key=lambda group: (_shared(group[0], beside, part), len(group), group[-1].number)
            )
            return best[len(best) - needed :]
    return list(tier[max(0, len(tier) - needed) :])


def _node(cpu: Cpu) -> Hashable:
    return cpu.socket, cpu.node


def _socket(cpu: Cpu) -> Hashable:
    return cpu.socket


def _groups(cpus: Iterable[Cpu], part: Callable[[Cpu], Hashable]) -> list[list[Cpu]]:
    groups: dict[Hashable, list[Cpu]] = {}
    for cpu in cpus:
        groups.setdefault(part(cpu), []).append(cpu)
    return list(groups.values())


def _shared(cpu: Cpu, beside: Sequence[Cpu], part: Callable[[Cpu], Hashable]) -> int:
    return sum(part(cpu) == part(other) for other in beside)


def _notes(places: Sequence[Sequence[Cpu]], pool: _Pool, topology: Topology) -> Iterable[str]:
    """Yield what a reader of the numbers would not expect."""
    physical = set(pool.tiers[0])
    siblings = sum(cpu not in physical for place in places for cpu in place)
    if siblings:
        yield f"{siblings} of the CPUs are hyperthread siblings: there are {len(physical)} physical cores"
    for what, part in (("sockets", _socket), ("memory nodes", _node)):
        spanning = sum(len(_groups(place, part)) > 1 for place in places)
        if spanning:
            yield f"{_count(spanning, 'instance')} of {len(places)} on several {what}"
            break
    if topology.quota and topology.quota.cpus < 1:
        yield (
            f"the CPU quota of {topology.quota.cpus:g} stops the instance now and then; "
            "only CPU time does not count that"
        )


def _count(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"
