"""Karpenter's NodePools are the pools of the preset: each finds its own nodes, and no other's."""

from pathlib import Path

import pytest
import yaml

from inc_mlflow.spec.presets import definitions, presets
from tests.k8s.karpenter import allowed, karpenter_complaints
from tests.k8s.manifests import K8S, KUBECTL, only, render

pytestmark = pytest.mark.skipif(
    KUBECTL is None, reason="kubectl is not installed: manifests are not rendered"
)
MEASURED = ["intel", "amd", "amd-vnni", "arm", "a100"]


@pytest.fixture(scope="module")
def cluster():
    return render(K8S / "overlays" / "eks")


@pytest.fixture(scope="module")
def node_pools(cluster):
    return {one["metadata"]["name"]: one for one in only(cluster, "NodePool")}


@pytest.fixture(scope="module")
def preset():
    if "karpenter" not in presets():
        pytest.skip("there is no preset for Karpenter yet")
    return definitions("karpenter", Path())


def tolerates(hardware, taint):
    return any(
        one.key == taint["key"]
        and one.effect == taint["effect"]
        and (one.operator == "Exists" or one.value == taint["value"])
        for one in hardware.tolerations
    )


def fits(hardware, node_pool):
    """Tell whether Karpenter would start a node of this NodePool for a task on a pool."""
    labels = allowed(node_pool)
    spec = node_pool["spec"]["template"]["spec"]
    assert all(one.operator == "In" for one in hardware.required), "other operators are not needed yet"
    return (
        all(value in labels.get(key, set()) for key, value in hardware.selector.items())
        and all(labels.get(one.key, set()) & set(one.values) for one in hardware.required)
        and all(tolerates(hardware, taint) for taint in spec.get("taints", []))
    )


def test_there_is_a_node_pool_for_every_pool(node_pools):
    assert set(node_pools) == {*MEASURED, "system"}


@pytest.mark.parametrize("pool", [*MEASURED, "system"])
def test_a_task_gets_a_node_of_its_own_pool_and_of_no_other(node_pools, preset, pool):
    assert [name for name, one in node_pools.items() if fits(preset[pool], one)] == [pool]


@pytest.mark.parametrize("pool", MEASURED)
def test_a_measured_pool_keeps_other_work_out(node_pools, pool):
    taints = node_pools[pool]["spec"]["template"]["spec"]["taints"]
    assert taints == [{"key": "inc-mlflow/pool", "value": pool, "effect": "NoSchedule"}]


def test_the_system_pool_takes_what_tolerates_nothing(node_pools):
    assert "taints" not in node_pools["system"]["spec"]["template"]["spec"]


@pytest.mark.parametrize("pool", MEASURED)
def test_a_benchmark_fits_the_nodes_and_leaves_the_system_a_cpu(node_pools, preset, pool):
    (cpus,) = allowed(node_pools[pool])["karpenter.k8s.aws/instance-cpu"]
    assert (preset[pool].exclusive or preset[pool].cpu) <= int(cpus) - 1


@pytest.mark.parametrize("pool", MEASURED)
def test_nothing_ends_a_node_that_measures(node_pools, pool):
    spec = node_pools[pool]["spec"]
    assert spec["disruption"]["consolidationPolicy"] == "WhenEmpty"
    assert {"nodes": "0", "reasons": ["Drifted"]} in spec["disruption"]["budgets"]
    assert spec["template"]["spec"]["expireAfter"] == "Never"


def test_a_node_class_that_is_named_is_there(cluster, node_pools):
    classes = {one["metadata"]["name"] for one in only(cluster, "EC2NodeClass")}
    assert {one["spec"]["template"]["spec"]["nodeClassRef"]["name"] for one in node_pools.values()} == classes


@pytest.mark.parametrize("preset_name", ["eks", "karpenter", "on-premises"])
def test_a_pool_tolerates_its_own_taint_alone_in_every_preset(preset_name):
    if preset_name not in presets():
        pytest.skip(f"there is no preset {preset_name} yet")
    pools = definitions(preset_name, Path())
    for own in MEASURED:
        taint = {"key": "inc-mlflow/pool", "value": own, "effect": "NoSchedule"}
        assert [name for name in pools if tolerates(pools[name], taint)] == [own]


@pytest.mark.parametrize(
    ("kind", "change"),
    [
        ("NodePool", lambda spec: spec["template"]["spec"]["requirements"][0].update(operator="Equals")),
        ("NodePool", lambda spec: spec["template"]["spec"].update(taint=[])),
        ("NodePool", lambda spec: spec["template"]["spec"]["taints"][0].update(effect="NoSchedul")),
        ("NodePool", lambda spec: spec["disruption"].update(consolidationPolicy="WhenUnderutilized")),
        ("EC2NodeClass", lambda spec: spec.update(cpuManagerPolicy="static")),
        ("EC2NodeClass", lambda spec: spec["amiSelectorTerms"].append({"alias": "al2023@v1"})),
        ("EC2NodeClass", lambda spec: spec.pop("role")),
    ],
)
def test_what_karpenter_refuses_is_seen(kind, change):
    one = only(render(K8S / "overlays" / "eks"), kind)[0]
    assert karpenter_complaints(one) == []
    change(one["spec"])
    assert len(karpenter_complaints(one)) == 1


def test_a_pool_whose_node_pool_changed_is_seen(node_pools, preset):
    changed = yaml.safe_load(yaml.safe_dump(node_pools["amd"]))
    changed["spec"]["template"]["spec"]["requirements"][3]["values"] = ["c7a"]
    assert not fits(preset["amd"], changed)
