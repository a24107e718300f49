"""The graphs of cross_hardware and sharded on five pools: tasks, what each reads, and where each runs.

The package of int8 is pinned byte for byte in golden/; these two differ from it in what stands here.
"""

from dataclasses import dataclass, field

import pytest

from tests.support.compiled_packages import FLEET_JOB, Wiring, bundled, compiled, documents, step_of

POOLS = ("intel", "amd", "amd-vnni", "arm", "a100")
TIMED = ("intel", "amd", "amd-vnni", "arm")
"""Speed on a100 decides nothing."""


def models(candidates):
    return {"baseline": "import", "champion": "fetch champion", "candidates": candidates}


def records(evaluation):
    """Return the inputs of the gate: on every pool an evaluation, and where speed counts a benchmark."""
    made = [
        f"{pool} · {what}"
        for pool in POOLS
        for what in (evaluation, "benchmark")
        if what != "benchmark" or pool in TIMED
    ]
    return {f"record_{number}": name for number, name in enumerate(made, start=1)}


def ending(evaluation, candidates):
    """Return what every pipeline does after the measurements."""
    return {
        "gate": models(candidates) | records(evaluation),
        "track": {"baseline": "import", "candidates": candidates, "judgement": "gate"} | records(evaluation),
        "request promotion": {"champion": "fetch champion", "judgement": "gate", "tracking": "track"},
        "close runs": {},
    }


READS = {
    "cross_hardware": {
        "import": {},
        "fetch champion": {},
        "intel · calibrate": {"baseline": "import"},
        "intel · quantize": {"baseline": "import", "ranges": "intel · calibrate"},
        "arm · quantize": {"baseline": "import", "ranges": "intel · calibrate"},
        "merge candidates": {"found_1": "intel · quantize", "found_2": "arm · quantize"},
        **{f"{pool} · evaluate": models("merge candidates") for pool in POOLS},
        **{f"{pool} · benchmark": models("merge candidates") for pool in TIMED},
        **ending("evaluate", "merge candidates"),
    },
    "sharded": {
        "import": {},
        "fetch champion": {},
        "intel · calibrate shard": {"baseline": "import"},
        "intel · merge ranges": {"shards": "intel · calibrate shard"},
        "intel · quantize": {"baseline": "import", "ranges": "intel · merge ranges"},
        **{f"{pool} · evaluate shard": models("intel · quantize") for pool in POOLS},
        **{f"{pool} · merge evaluations": {"shards": f"{pool} · evaluate shard"} for pool in POOLS},
        **{f"{pool} · benchmark": models("intel · quantize") for pool in TIMED},
        **ending("merge evaluations", "intel · quantize"),
    },
}
"""Pipeline -> task -> input -> the task that made it."""

WAITS = {
    "cross_hardware": {f"{pool} · benchmark": {f"{pool} · evaluate"} for pool in TIMED},
    "sharded": {f"{pool} · benchmark": {f"{pool} · merge evaluations"} for pool in TIMED},
}
"""Pipeline -> task -> what it waits for without reading it: a benchmark has its nodes to itself."""

PARAMETERS = {
    "evaluate": {"pool"},
    "evaluate_shard": {"pool", "shard"},
    "benchmark": {"pool"},
    "merge_evaluations": {"pool"},
    "quantize": {"pool"},
    "calibrate_shard": {"shard"},
    "fetch_champion": {"tracking_uri"},
    "request": {"tracking_uri"},
    "track": {"tracking_uri", "session"},
    "finish": {"tracking_uri", "session"},
}
"""Step -> parameters beside the job and the root of its files."""


@dataclass(frozen=True)
class Node:
    """The node that a pool asks for: labels, families of instances, tolerated taints; and the image."""

    labels: dict[str, str]
    families: list[str] | None = None
    tolerated: set[str] = field(default_factory=set)
    image: str = "inc-mlflow/onnxruntime"


def node(name, arch="amd64", labels=None, **more):
    return Node({"karpenter.sh/nodepool": name, "kubernetes.io/arch": arch} | (labels or {}), **more)


NODES = {
    "system": node("system"),
    "intel": node("intel", families=["c6i", "m6i", "r6i"], tolerated={"inc-mlflow/pool=intel"}),
    "amd": node("amd", families=["c6a", "m6a", "r6a"], tolerated={"inc-mlflow/pool=amd"}),
    "amd-vnni": node("amd-vnni", families=["c7a", "m7a", "r7a"], tolerated={"inc-mlflow/pool=amd-vnni"}),
    "arm": node(
        "arm",
        "arm64",
        families=["c6g", "m6g", "r6g"],
        tolerated={"inc-mlflow/pool=arm", "kubernetes.io/arch=arm64"},
    ),
    "a100": node(
        "a100",
        labels={"karpenter.k8s.aws/instance-gpu-name": "a100"},
        tolerated={"inc-mlflow/pool=a100", "nvidia.com/gpu"},
        image="inc-mlflow/cuda",
    ),
}


@pytest.fixture(scope="module", params=READS)
def pipeline(request):
    return request.param


@pytest.fixture(scope="module")
def package(tmp_path_factory, pipeline):
    return documents(compiled(tmp_path_factory.mktemp("package"), pipeline, bundled(FLEET_JOB)))


@pytest.fixture(scope="module")
def wiring(package):
    return Wiring(package[0])


def test_each_task_reads_what_the_tasks_before_it_made(wiring, pipeline):
    assert {name: wiring.producers(name) for name in wiring.tasks} == READS[pipeline]


def test_each_task_waits_for_what_it_reads_and_a_benchmark_for_its_node(wiring, pipeline):
    expected = {
        name: set(reads.values()) | WAITS[pipeline].get(name, set())
        for name, reads in READS[pipeline].items()
    }
    expected["close runs"] = READS[pipeline].keys() - {"close runs"}
    assert {name: wiring.before(name) for name in wiring.tasks} == expected


def test_each_task_is_handed_the_job_and_what_its_step_takes(wiring, package):
    for name in wiring.tasks:
        task = wiring.task(name)
        step = step_of(package[0], task)
        given = task["inputs"]["parameters"]
        assert set(given) == {"job", "root"} | PARAMETERS.get(step, set()), name
        for parameter in given.keys() & {"job", "root", "tracking_uri"}:
            source = given[parameter]["componentInputParameter"]
            assert source.removeprefix("pipelinechannel--") == parameter, name


def test_each_task_runs_on_the_nodes_and_in_the_image_of_its_pool(wiring, package):
    spec, platform = package
    for name in wiring.tasks:
        label = spec["components"][wiring.task(name)["componentRef"]["name"]]["executorLabel"]
        container = spec["deploymentSpec"]["executors"][label]["container"]
        pool, separator, what = name.partition(" · ")
        pool = pool if separator else "system"
        pod = platform["platforms"]["kubernetes"]["deploymentSpec"]["executors"][label]
        assert _node(pod, container) == NODES[pool], name
        alone = {"inc-mlflow/alone": "true"} if what == "benchmark" else {}
        assert pod["podMetadata"]["labels"] == {"inc-mlflow/pool": pool} | alone, name


def _node(pod, container):
    affinity = pod.get("nodeAffinity")
    families = None
    if affinity:
        ((expression,),) = (term["matchExpressions"] for term in affinity)
        assert (expression["key"], expression["operator"]) == ("karpenter.k8s.aws/instance-family", "In")
        families = expression["values"]
    tolerations = pod.get("tolerations", [])
    assert {one["effect"] for one in tolerations} <= {"NoSchedule"}
    tolerated = {f"{one['key']}={one['value']}" if "value" in one else one["key"] for one in tolerations}
    return Node(pod["nodeSelector"]["labels"], families, tolerated, container["image"].partition("@")[0])
