"""What the proof of placement must catch."""

import pytest
from kfp import kubernetes

from inc_mlflow.pipelines.placement import place
from inc_mlflow.spec import PoolSpec
from inc_mlflow.spec.presets import definitions, presets
from tests.support.fleets import fleet_with, wrong
from tests.support.placed_pipelines import compiled, spoil, work

LABEL = "inc-mlflow/pool"


@pytest.mark.parametrize("preset", presets())
def test_lost_tolerations_are_caught(preset_packages, preset, tmp_path):
    package = spoil(
        preset_packages[preset], tmp_path / "p.yaml", lambda config: config.pop("tolerations", None)
    )
    assert set(wrong(package, preset)) == set(definitions(preset, tmp_path)) - {"system"}


@pytest.mark.parametrize("preset", presets())
def test_a_toleration_of_another_pool_is_caught(preset_packages, preset, tmp_path):
    def change(config):
        for toleration in config.get("tolerations", []):
            if toleration["key"] == LABEL:
                toleration["value"] += "-other"

    package = spoil(preset_packages[preset], tmp_path / "p.yaml", change)
    found = wrong(package, preset)
    assert set(found) == set(definitions(preset, tmp_path)) - {"system"}
    assert any("taint inc-mlflow/pool=intel:NoSchedule is not tolerated" in line for line in found["intel"])


@pytest.mark.parametrize("preset", presets())
def test_a_lost_selector_is_caught(preset_packages, preset, tmp_path):
    """NFD's pools stand on their requirements as well; only the system's is a selector alone."""
    package = spoil(
        preset_packages[preset], tmp_path / "p.yaml", lambda config: config.pop("nodeSelector", None)
    )
    found = set(wrong(package, preset))
    assert found >= {"system"} if preset == "nfd" else found == set(definitions(preset, tmp_path))


@pytest.mark.parametrize(
    ("preset", "pool", "node"),
    [
        ("nfd", "amd", "amd-genoa-by-mistake"),
        ("nfd", "intel", "intel-unlabelled"),
        ("nfd", "arm", "arm-without-dot-product"),
        ("nfd", "a100", "a30"),
        ("nfd", "a100", "a100-slices"),
        ("gke", "amd", "amd-c3d-by-mistake"),
        ("gke", "a100", "a100-slices"),
        ("karpenter", "amd", "amd-c7a-by-mistake"),
    ],
)
def test_lost_requirements_are_caught(preset, pool, node, tmp_path):
    loose = definitions(preset, tmp_path)[pool].model_copy(update={"required": ()})
    if preset == "nfd" and pool in {"intel", "arm"}:
        loose = loose.model_copy(
            update={"selector": {"kubernetes.io/arch": loose.selector["kubernetes.io/arch"]}}
        )
    package = compiled(tmp_path / "p.yaml", lambda: place(work(), pool, loose))
    assert f"node {node}: may run there, nothing keeps it off" in wrong(package, preset)[pool]


def test_requirements_in_two_affinities_are_caught(tmp_path):
    """AMD without AVX-512 VNNI *or* without AVX-VNNI is every AMD."""
    amd = definitions("nfd", tmp_path)["amd"]

    def build():
        task = place(work(), "amd", amd.model_copy(update={"required": ()}))
        for expression in amd.required:
            kubernetes.add_node_affinity(task, [expression.model_dump()])

    assert wrong(compiled(tmp_path / "p.yaml", build), "nfd")["amd"] == (
        "node amd-genoa-by-mistake: may run there, nothing keeps it off",
        "node amd-zen5-by-mistake: may run there, nothing keeps it off",
    )


def test_a_selector_in_json_is_caught(tmp_path):
    """The labels still stand in the package; Kubeflow ignores them."""
    amd = definitions("eks", tmp_path)["amd"]

    def build():
        kubernetes.add_node_selector_json(place(work(), "amd", amd), {"kubernetes.io/arch": "amd64"})

    assert (
        "node web-c6i: may run there, nothing keeps it off"
        in wrong(compiled(tmp_path / "p.yaml", build), "eks")["amd"]
    )


def test_a_task_that_nobody_placed_is_caught(tmp_path):
    def build():
        place(work(), "system", definitions("eks", tmp_path)["system"])
        work().set_display_name("lost")

    assert "nobody put it on a pool" in wrong(compiled(tmp_path / "p.yaml", build), "eks")[None]


def test_a_pool_that_the_fleet_lacks_is_caught(preset_packages):
    fleet = fleet_with("eks", lambda node: node.pop("pool") if node.get("pool") == "arm" else None)
    assert "the fleet has no node of pool arm" in wrong(preset_packages["eks"], fleet)["arm"]


@pytest.mark.parametrize("preset", presets())
def test_a_benchmark_that_would_share_its_node_is_caught(preset_packages, preset):
    """A node of twice the size has room for two of them, which no label tells."""

    def change(node):
        if node.get("pool") == "intel":
            node["allocatable"] |= {"cpu": "31", "memory": "54Gi"}

    ((pool, lines),) = wrong(preset_packages[preset], fleet_with(preset, change)).items()
    assert pool == "intel"
    assert [line.partition(": ")[2] for line in lines] == [
        "should be alone there, but it has room for intel · benchmark, intel · evaluate as well"
    ]


def test_local_is_no_pool_beside_others(tmp_path):
    def build():
        place(work(), "local", PoolSpec())
        place(work(), "amd", definitions("eks", tmp_path)["amd"])

    found = wrong(compiled(tmp_path / "p.yaml", build), "eks")
    assert set(found) == {"local"}
    assert found["local"][0] == "may run on any node, while other tasks have pools"


def test_a_node_of_the_pool_that_a_label_keeps_off_is_named_with_it(preset_packages):
    def change(node):
        if node["name"] == "amd-genoa-by-mistake":
            node["pool"] = "amd"

    assert (
        "node amd-genoa-by-mistake: label feature.node.kubernetes.io/cpu-cpuid.AVX512VNNI DoesNotExist fails"
        in wrong(preset_packages["nfd"], fleet_with("nfd", change))["amd"]
    )
