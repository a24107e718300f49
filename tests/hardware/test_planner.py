"""Where the instances of a layout run, on made-up machines."""

import re

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from inc_mlflow.errors import HardwareError
from inc_mlflow.hardware.planner import plan_layout
from inc_mlflow.hardware.quota import Quota
from inc_mlflow.hardware.topology import Cpu, Topology, read_cpus, topology
from inc_mlflow.spec import Layout


def machine(sockets=1, cores=4, threads=1, nodes=1, quota=None, keep=None, pinnable=True):
    """Number CPUs as Linux usually does: first threads of all cores socket by socket, then their siblings."""
    total = sockets * cores
    cpus = [
        Cpu(
            number=thread * total + core,
            core=core,
            socket=core // cores,
            node=core * sockets * nodes // total,
        )
        for thread in range(threads)
        for core in range(total)
    ]
    kept = tuple(cpu for cpu in cpus if keep is None or cpu.number in keep)
    return Topology(kept, Quota(quota, "/sys/fs/cgroup/cpu.max", ()) if quota else None, pinnable)


@st.composite
def machines(draw):
    cores = draw(st.integers(1, 8))
    nodes = draw(st.sampled_from([n for n in (1, 2, 4) if cores % n == 0]))
    sockets, threads = draw(st.integers(1, 3)), draw(st.integers(1, 3))
    keep = draw(st.sets(st.integers(0, sockets * cores * threads - 1), min_size=1))
    quota = draw(st.none() | st.floats(0.1, 30))
    return machine(sockets, cores, threads, nodes, quota, keep)


OPEN = st.none() | st.integers(1, 9)
LAYOUTS = st.builds(Layout, st.none() | st.integers(1, 3), OPEN, OPEN, st.just(1))
WHOLE = st.builds(Layout, st.integers(1, 3), st.integers(1, 9), st.integers(1, 9), st.just(1))


def allowed(host, sockets):
    """CPUs that may be busy at once on the given number of sockets: by the rules of docs/benchmark.md,
    written again."""
    counts = sorted(
        ([cpu.socket for cpu in host.cpus].count(s) for s in {cpu.socket for cpu in host.cpus}), reverse=True
    )
    return min(sum(counts[:sockets]), max(1, int(host.quota.cpus)) if host.quota else 10**9)


def planned(layout, host):
    try:
        return plan_layout(layout, host)
    except HardwareError:
        return None


@given(LAYOUTS, machines())
def test_a_plan_uses_no_cpu_twice_and_never_more_than_there_are_or_the_quota_allows(layout, host):
    made = planned(layout, host)
    if made is None:
        return
    used = [cpu for cpus in made.cpus for cpu in cpus]
    assert len(set(used)) == len(used) <= allowed(host, 10**9)
    assert set(used) <= {cpu.number for cpu in host.cpus}
    whole = Layout.parse(made.layout)
    assert whole.whole
    assert len(made.cpus) == whole.instances
    assert {len(cpus) for cpus in made.cpus} == {whole.cores}
    for part in ("sockets", "cores", "instances"):
        assert getattr(layout, part) in (None, getattr(whole, part))


@given(LAYOUTS, machines())
def test_no_hyperthread_sibling_before_all_physical_cores_of_the_sockets_in_use_and_then_it_is_said(
    layout, host
):
    made = planned(layout, host)
    if made is None:
        return
    by_number = {cpu.number: cpu for cpu in host.cpus}
    used = [by_number[number] for cpus in made.cpus for number in cpus]
    sockets = {cpu.socket for cpu in used}
    siblings = len(used) > len({cpu.core for cpu in used})
    if siblings:
        assert {cpu.core for cpu in used} == {cpu.core for cpu in host.cpus if cpu.socket in sockets}
    assert siblings == any("hyperthread" in note for note in made.notes)


@given(LAYOUTS, machines())
def test_as_many_instances_as_possible_stay_on_one_memory_node_and_one_socket(layout, host):
    made = planned(layout, host)
    if made is None:
        return
    by_number = {cpu.number: cpu for cpu in host.cpus}
    places = [[by_number[number] for number in cpus] for cpus in made.cpus]
    cores = len(places[0])
    used_sockets = {cpu.socket for place in places for cpu in place}
    assert len(used_sockets) == Layout.parse(made.layout).sockets
    if (layout.sockets is not None and len(used_sockets) > 1) or any(
        "hyperthread" in note for note in made.notes
    ):
        return
    physical = {cpu.core: cpu for cpu in host.cpus if cpu.socket in used_sockets}.values()
    for part in ("node", "socket"):
        keys = [(cpu.socket, getattr(cpu, part)) for cpu in physical]
        room = sum(keys.count(key) // cores for key in set(keys))
        within = sum(len({(cpu.socket, getattr(cpu, part)) for cpu in place}) == 1 for place in places)
        assert within >= min(room, len(places))


@given(WHOLE, machines())
def test_a_whole_layout_is_refused_if_and_only_if_there_is_too_little(layout, host):
    there = len({cpu.socket for cpu in host.cpus})
    needed = layout.cores * layout.instances
    fits = layout.sockets <= min(there, needed) and needed <= allowed(host, layout.sockets)
    assert (planned(layout, host) is not None) == fits


@given(LAYOUTS, machines())
def test_what_a_refusal_recommends_is_accepted(layout, host):
    assume(planned(layout, host) is None)
    with pytest.raises(HardwareError) as refusal:
        plan_layout(layout, host)
    recommended = re.search(r"; use (\S+)$", str(refusal.value))[1]
    assert planned(Layout.parse(recommended), host) is not None


@given(machines())
def test_auto_and_the_default_fit_everywhere(host):
    auto = plan_layout(Layout.parse("auto"), host)
    whole = Layout.parse(auto.layout)
    cores = min(len({cpu.core for cpu in host.cpus}), allowed(host, 10**9))
    assert whole.cores == min(4, cores)
    assert plan_layout(Layout.parse("1s1c1ins1bs"), host).layout == "1s1c1ins1bs"
    assert not any("hyperthread" in note for note in auto.notes)


XEON_8480 = {"sockets": 2, "cores": 56, "threads": 2, "nodes": 1}


@pytest.mark.parametrize(
    ("text", "host", "layout"),
    [
        ("1s4c14ins1bs", machine(**XEON_8480), "1s4c14ins1bs"),
        ("1s", machine(**XEON_8480), "1s4c14ins1bs"),
        ("4c", machine(**XEON_8480), "2s4c28ins1bs"),
        ("auto", machine(**XEON_8480), "2s4c28ins1bs"),
        ("14ins", machine(**XEON_8480), "2s8c14ins1bs"),
        ("4c14ins", machine(**XEON_8480), "1s4c14ins1bs"),
        ("40c2ins", machine(**XEON_8480), "2s40c2ins1bs"),
        ("2s4c8bs", machine(**XEON_8480), "2s4c28ins8bs"),
        ("auto", machine(cores=2), "1s2c1ins1bs"),
        ("2ins", machine(cores=2), "1s1c2ins1bs"),
        ("auto", machine(cores=16, quota=7.9), "1s4c1ins1bs"),
        ("2c", machine(cores=16, quota=7.9), "1s2c3ins1bs"),
        ("auto", machine(cores=2, threads=2), "1s2c1ins1bs"),
        ("4c", machine(cores=2, threads=2), "1s4c1ins1bs"),
        ("auto", machine(cores=4, quota=0.5), "1s1c1ins1bs"),
    ],
)
def test_layouts_are_filled(text, host, layout):
    assert plan_layout(Layout.parse(text), host).layout == layout


def test_the_layout_of_intels_tables_fills_one_socket_of_a_xeon_8480():
    made = plan_layout(Layout.parse("1s4c14ins1bs"), machine(**XEON_8480))
    assert made.cpus[0] == (108, 109, 110, 111)
    assert sorted(cpu for cpus in made.cpus for cpu in cpus) == list(range(56, 112))
    assert made.notes == ()
    assert made.text().startswith("layout 1s4c14ins1bs on CPUs 108-111 | 104-107 | ")


@given(st.integers(1, 3), st.integers(1, 9), st.integers(1, 9), machines())
def test_an_instance_stays_on_one_socket_where_each_socket_has_room_for_its_share(
    sockets, cores, instances, host
):
    made = planned(Layout(sockets, cores, instances, 1), host)
    if made is None:
        return
    by_number = {cpu.number: cpu for cpu in host.cpus}
    used = {by_number[number].socket for cpus in made.cpus for number in cpus}
    room = min(len({cpu.core for cpu in host.cpus if cpu.socket == socket}) for socket in used)
    if room >= cores * instances >= cores * sockets:
        assert all(len({by_number[number].socket for number in cpus}) == 1 for cpus in made.cpus)


@pytest.mark.parametrize(
    ("text", "host", "cpus"),
    [
        ("2s1c2ins", machine(sockets=2, cores=4, keep={0, 1, 2, 4}), ((2,), (4,))),
        ("2s1c3ins", machine(sockets=2, cores=4, keep={0, 1, 2, 4}), ((2,), (4,), (1,))),
        ("2s4c1ins", machine(sockets=2, cores=4), ((2, 3, 6, 7),)),
        ("2s4c1ins", machine(sockets=2, cores=4, keep={0, 1, 2, 4}), ((0, 1, 2, 4),)),
        ("2s2c2ins", machine(sockets=2, cores=4, keep={0, 1, 2, 3, 4}), ((2, 3), (1, 4))),
        ("3s2c2ins", machine(sockets=3, cores=2), ((3, 5), (0, 1))),
        ("2s1c4ins", machine(sockets=2, cores=4), ((7,), (3,), (6,), (2,))),
    ],
)
def test_a_layout_that_names_sockets_uses_all_of_them(text, host, cpus):
    assert plan_layout(Layout.parse(f"{text}1bs"), host).cpus == cpus


def test_hyperthreads_come_last_and_are_said():
    made = plan_layout(Layout.parse("1s3c2ins1bs"), machine(cores=4, threads=2))
    assert made.cpus == ((1, 2, 3), (0, 4, 7))
    assert made.notes == ("2 of the CPUs are hyperthread siblings: there are 4 physical cores",)


def test_an_instance_takes_siblings_of_its_own_cores_before_those_of_others():
    made = plan_layout(Layout.parse("1s3c2ins1bs"), machine(sockets=2, cores=4, threads=2))
    assert made.cpus == ((5, 6, 7), (4, 12, 15))
    assert plan_layout(Layout.parse("1s4c2ins1bs"), machine(cores=4, threads=2)).cpus == (
        (0, 1, 2, 3),
        (4, 5, 6, 7),
    )
    assert plan_layout(Layout.parse("1s4c1ins1bs"), machine(cores=2, threads=3)).cpus == ((0, 1, 2, 3),)


def test_an_instance_that_must_span_memory_nodes_is_said():
    made = plan_layout(Layout.parse("1s4c3ins1bs"), machine(cores=12, nodes=2))
    assert made.cpus == ((8, 9, 10, 11), (2, 3, 4, 5), (0, 1, 6, 7))
    assert made.notes == ("1 instance of 3 on several memory nodes",)


@pytest.mark.parametrize(
    ("text", "host", "message"),
    [
        ("2c", machine(cores=2, quota=1.5),
         "1s2c1ins1bs needs 1 x 2 = 2 cores; this process may use 1 (2 CPUs in its cpuset, a CPU quota of 1.5 in "
         "/sys/fs/cgroup/cpu.max); use 1s1c1ins1bs"),
        ("1s4c14ins8bs", machine(cores=8),
         "1s4c14ins8bs needs 14 x 4 = 56 cores; this process may use 8 (8 CPUs in its cpuset); use 1s4c2ins8bs"),
        ("1s40c2ins1bs", machine(sockets=2, cores=32),
         "1s40c2ins1bs needs 2 x 40 = 80 cores; this process may use 32 (64 CPUs in its cpuset, 32 on 1 socket); "
         "use 1s32c1ins1bs"),
        ("2s", machine(), "2s4c1ins1bs needs 2 sockets; the CPUs of this process are on 1; use 1s4c1ins1bs"),
        ("2s1c1ins1bs", machine(sockets=2),
         "2s1c1ins1bs needs a CPU on each of its 2 sockets and has 1 x 1 = 1; use 1s1c1ins1bs"),
        ("2ins", machine(pinnable=False),
         "1s2c2ins1bs needs processes bound to CPUs, which this system cannot do; use 1s1c1ins1bs"),
    ],
)  # fmt: skip
def test_a_refusal_has_the_arithmetic_and_what_fits(text, host, message):
    with pytest.raises(HardwareError) as raised:
        plan_layout(Layout.parse(text), host)
    assert str(raised.value) == f"benchmark.layout: {message}"


def test_a_quota_below_one_cpu_is_said():
    (note,) = plan_layout(Layout.parse("1s1c1ins1bs"), machine(quota=0.5)).notes
    assert note.startswith("the CPU quota of 0.5 stops the instance now and then")


def test_this_host_can_be_read_and_planned():
    made = plan_layout(Layout.parse("auto"), topology())
    assert made.pinned
    assert made.usable >= len(made.cpus[0])


def test_siblings_sockets_and_nodes_come_from_sysfs(tmp_path):
    for number, siblings, socket, node in [(0, "0,2", 0, 0), (2, "0,2", 0, 0), (3, "1-3", 1, 4)]:
        (tmp_path / f"cpu{number}" / "topology").mkdir(parents=True)
        (tmp_path / f"cpu{number}" / f"node{node}").mkdir()
        (tmp_path / f"cpu{number}" / "topology" / "thread_siblings_list").write_text(f"{siblings}\n")
        (tmp_path / f"cpu{number}" / "topology" / "physical_package_id").write_text(f"{socket}\n")
    assert read_cpus([0, 2, 3], tmp_path) == ((Cpu(0, 0, 0, 0), Cpu(2, 0, 0, 0), Cpu(3, 1, 1, 4)), ())


def test_without_sysfs_each_cpu_is_a_core_and_it_is_said(tmp_path):
    cpus, notes = read_cpus([1, 3], tmp_path / "absent")
    assert cpus == (Cpu(1, 1, 0, 0), Cpu(3, 3, 0, 0))
    assert notes == (
        f"{tmp_path / 'absent'} does not tell which CPUs share a core, a socket or memory: taken as cores of one socket",
    )
