"""CPU quotas of both versions of cgroups, as they look in hosts, containers and namespaces."""

import pytest

from inc_mlflow.hardware.quota import cpu_quota

V2, V1 = (
    "40 31 0:38 / {mount} rw - cgroup2 cgroup2 rw",
    "32 31 0:29 {root} {mount} rw - cgroup cgroup rw,cpu,cpuacct",
)


@pytest.fixture
def host(tmp_path):
    """Write /proc/self files and cgroup folders: ``limits`` are path -> (quota, period), in microseconds."""

    def make(cgroup, *mounts, v2=None, v1=None):
        (tmp_path / "proc" / "self").mkdir(parents=True)
        (tmp_path / "proc" / "self" / "cgroup").write_text(cgroup)
        lines = [line.format(mount=tmp_path / name, root=root) for line, name, root in mounts]
        other = "27 1 254:0 / / rw,relatime - ext4 /dev/vda rw"
        (tmp_path / "proc" / "self" / "mountinfo").write_text("\n".join([other, *lines]) + "\n")
        for path, (quota, period) in (v2 or {}).items():
            (tmp_path / path).mkdir(parents=True, exist_ok=True)
            (tmp_path / path / "cpu.max").write_text(f"{quota} {period}\n")
        for path, (quota, period) in (v1 or {}).items():
            (tmp_path / path).mkdir(parents=True, exist_ok=True)
            (tmp_path / path / "cpu.cfs_quota_us").write_text(f"{quota}\n")
            (tmp_path / path / "cpu.cfs_period_us").write_text(f"{period}\n")
        return cpu_quota(tmp_path / "proc")

    return make


def test_version_2_takes_the_least_of_all_ancestors(host, tmp_path):
    limits = {"two/a/b": ("max", 100000), "two/a": (150000, 100000), "two": (800000, 100000)}
    quota = host("0::/a/b\n", (V2, "two", "/"), v2=limits)
    assert (quota.cpus, quota.source) == (1.5, str(tmp_path / "two/a/cpu.max"))
    assert quota.groups == (tmp_path / "two/a", tmp_path / "two")


def test_no_limit_anywhere_is_no_quota(host):
    assert host("0::/a\n", (V2, "two", "/"), v2={"two/a": ("max", 100000)}, v1={}) is None


def test_version_1_reads_quota_and_period(host, tmp_path):
    quota = host(
        "3:cpuset:/x\n4:cpu,cpuacct:/a\n", (V1, "one", "/"), v1={"one/a": (50000, 20000), "one": (-1, 100000)}
    )
    assert (quota.cpus, quota.source) == (2.5, str(tmp_path / "one/a/cpu.cfs_quota_us"))


def test_a_hybrid_of_both_takes_the_least(host):
    mounts = [(V1, "one", "/"), (V2, "two", "/")]
    quota = host(
        "1:cpu,cpuacct:/a\n0::/b\n", *mounts, v1={"one/a": (300000, 100000)}, v2={"two/b": (200000, 100000)}
    )
    assert quota.cpus == 2


def test_a_container_of_version_1_sees_its_own_cgroup_as_the_root_of_the_mount(host, tmp_path):
    quota = host(
        "4:cpu:/docker/id/sub\n",
        (V1, "one", "/docker/id"),
        v1={"one": (150000, 100000), "one/sub": (-1, 100000)},
    )
    assert (quota.cpus, quota.groups) == (1.5, (tmp_path / "one",))


@pytest.mark.parametrize("path", ["/../other", "/kubepods/pod"])
def test_a_cgroup_outside_of_the_mount_leaves_the_mount_itself(host, path):
    assert host(f"4:cpu:{path}\n", (V1, "one", "/docker/id"), v1={"one": (150000, 100000)}).cpus == 1.5


def test_a_cgroup_beside_the_namespace_is_not_looked_for_on_this_side(host):
    limits = {"two": (150000, 100000), "other": (50000, 100000)}
    assert host("0::/../other\n", (V2, "two", "/"), v2=limits).cpus == 1.5


def test_a_mount_point_with_a_blank_is_read(host):
    mount = "40 31 0:38 / {mount}\\040x rw - cgroup2 cgroup2 rw"
    assert host("0::/\n", (mount, "two", "/"), v2={"two x": (150000, 100000)}).cpus == 1.5


def test_a_system_without_cgroups_has_no_quota(tmp_path):
    assert cpu_quota(tmp_path) is None
