"""The Kubeflow packages of the examples, as `inc-mlflow compile` writes them."""

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from inc_mlflow.components import COMPONENTS
from inc_mlflow.errors import SpecError
from inc_mlflow.pipelines.kubernetes_settings import TASK_PROFILES, USER
from inc_mlflow.spec import JobSpec, PoolSpec
from inc_mlflow.spec.pools import Emulated
from inc_mlflow.tracking.plugins.step_context import POD_FACTS
from tests.support.compiled_packages import (
    EXAMPLES,
    FLEET_JOB,
    NAMES,
    ROOT,
    bundled,
    compiled,
    documents,
    step_of,
    tasks,
)

JOB = Path("examples/digits/job.yaml")
GOLDEN = Path(__file__).parent / "golden" / "int8.yaml"
PROGRAM = Path(sys.executable).with_name("inc-mlflow")
ASKING = {"fetch_champion", "track", "request", "finish"}
"""Steps that talk to MLflow."""
MEASURING = {"evaluate", "benchmark"}


def program(target, *options):
    command = [PROGRAM, "compile", JOB, "-o", target, *options]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module", params=NAMES)
def pipeline(request):
    return request.param


@pytest.fixture(scope="module")
def job():
    return bundled(FLEET_JOB)


@pytest.fixture(scope="module")
def package(tmp_path_factory, pipeline, job):
    return compiled(tmp_path_factory.mktemp("package"), pipeline, job)


@pytest.fixture(scope="module")
def spec(package):
    return documents(package)[0]


@pytest.fixture(scope="module")
def platform(package):
    return documents(package)[1]["platforms"]["kubernetes"]["deploymentSpec"]["executors"]


@pytest.fixture(scope="module")
def executors(spec):
    return spec["deploymentSpec"]["executors"]


def named(spec, *steps):
    """Tasks by display name that run one of these steps."""
    found = {task["taskInfo"]["name"]: task for task in tasks(spec).values() if step_of(spec, task) in steps}
    assert found
    return found


def test_a_package_has_both_documents(package, platform, executors):
    assert len(documents(package)) == 2
    assert set(platform) == set(executors)


def test_compiling_twice_gives_the_same_bytes(package, pipeline, job, tmp_path):
    assert compiled(tmp_path, pipeline, job).read_bytes() == package.read_bytes()


def test_the_package_of_int8_is_the_one_that_was_reviewed(job, tmp_path):
    """Where it changed on purpose: look at the difference, then `python tests/pipelines/golden/make.py`."""
    assert compiled(tmp_path, "int8", job).read_text() == GOLDEN.read_text()


def test_every_task_is_our_program_with_what_kubeflow_hands_over_and_installs_nothing(executors):
    for executor in executors.values():
        *command, step = executor["container"]["command"]
        assert command == ["python", "-m", "inc_mlflow.component"]
        assert step in COMPONENTS
        assert executor["container"]["args"] == ["--executor-input", "{{$}}"]


def test_images_are_named_by_digest(executors):
    for executor in executors.values():
        name, _, digest = executor["container"]["image"].partition("@sha256:")
        assert len(digest) == 64
        assert ":" not in name.rpartition("/")[2]


def test_images_come_from_the_registry_of_an_air_gapped_cluster(pipeline, job, tmp_path):
    spec = documents(compiled(tmp_path, pipeline, job, registry="registry.local:5000/mirror"))[0]
    images = {one["container"]["image"] for one in spec["deploymentSpec"]["executors"].values()}
    assert all(image.startswith("registry.local:5000/mirror/") for image in images)


def test_each_pool_has_one_evaluation_and_where_speed_counts_one_benchmark(spec, job, pipeline):
    if pipeline != "sharded":
        assert set(named(spec, "evaluate")) == {f"{pool} · evaluate" for pool in job.spec.real_pools}
    assert set(named(spec, "benchmark")) == {
        f"{pool} · benchmark" for pool in job.spec.real_pools if pool != "a100"
    }


def test_a_task_is_told_the_pool_that_it_runs_on(spec):
    for name, task in named(spec, "evaluate", "benchmark").items():
        assert task["inputs"]["parameters"]["pool"]["runtimeValue"]["constant"] == name.partition(" · ")[0]


def test_only_what_is_pure_may_come_from_the_cache(spec):
    for name, task in tasks(spec).items():
        cached = task.get("cachingOptions", {}).get("enableCache", False)
        step = step_of(spec, task)
        assert not cached or TASK_PROFILES[step].pure, name
        assert not cached or step not in ASKING | MEASURING | {"quantize"}, name  # a search times models


def test_without_a_bundle_nothing_comes_from_the_cache(tmp_path):
    """Files under a path may have changed since."""
    assert program(tmp_path / "int8.yaml").returncode == 0
    spec = documents(tmp_path / "int8.yaml")[0]
    assert not any(task["cachingOptions"].get("enableCache") for task in tasks(spec).values())


def test_only_what_talks_to_a_server_is_tried_again_and_knows_how_to_log_in_and_which_pod_it_is(
    spec, platform
):
    for task in tasks(spec).values():
        executor = spec["components"][task["componentRef"]["name"]]["executorLabel"]
        secrets = {one["secretName"] for one in platform[executor]["secretAsEnv"]}
        asks = step_of(spec, task) in ASKING
        assert ("retryPolicy" in task) == asks
        assert ("inc-mlflow-tracking" in secrets) == asks
        facts = {one["name"]: one["fieldPath"] for one in platform[executor].get("fieldPathAsEnv", [])}
        assert facts == (dict(POD_FACTS.values()) if asks else {})


def test_no_secret_stands_in_the_package_and_all_may_be_absent(platform):
    for one in platform.values():
        for secret in one["secretAsEnv"]:
            assert secret["optional"]
            assert set(secret) <= {"keyToEnv", "optional", "secretName", "secretNameParameter"}


def test_tasks_run_as_a_user_without_rights(platform):
    assert {
        (one["securityContext"]["runAsUser"], one["securityContext"]["runAsNonRoot"])
        for one in platform.values()
    } == {(str(USER), True)}


def test_the_pipelines_identity_only_requests_promotion_and_only_where_the_gate_says_pass(spec):
    assert "promote" not in {step_of(spec, task) for task in tasks(spec).values()}
    requests = [place for place, task in tasks(spec).items() if step_of(spec, task) == "request"]
    assert len(requests) == 1
    condition = next(
        task
        for one in spec["components"].values()
        for task in one.get("dag", {}).get("tasks", {}).values()
        if task["componentRef"]["name"] == requests[0][0]
    )
    assert (
        condition["triggerPolicy"]["condition"]
        == "inputs.parameter_values['pipelinechannel--verdict'] == 'pass'"
    )


def test_runs_are_closed_however_the_pipeline_ends(spec):
    task = named(spec, "finish")["close runs"]
    assert task["triggerPolicy"]["strategy"] == "ALL_UPSTREAM_TASKS_COMPLETED"


def test_the_gate_sees_the_records_of_all_pools(spec):
    gate = named(spec, "gate")["gate"]
    artifacts = gate["inputs"]["artifacts"]
    slots = [name for name in artifacts if name.startswith("record_")]
    records = [artifacts[name]["taskOutputArtifact"]["producerTask"] for name in slots]
    assert len(records) == len(set(records)) == 5 + 4


def before(graph, name):
    """All tasks that end before this one starts."""
    direct = graph[name].get("dependentTasks", [])
    return set(direct).union(*(before(graph, one) for one in direct))


def test_nothing_else_of_the_job_runs_on_a_pool_while_speed_is_measured_there(spec):
    holder = next(place[0] for place, task in tasks(spec).items() if step_of(spec, task) == "benchmark")
    graph = spec["components"][holder]["dag"]["tasks"]
    pools = {name: task["taskInfo"]["name"].partition(" · ") for name, task in graph.items()}
    for name, (pool, _, what) in pools.items():
        if what == "benchmark":
            same = {one for one, (other, sep, _) in pools.items() if sep and other == pool} - {name}
            assert same <= before(graph, name)


def test_the_job_travels_as_its_canonical_text(spec, job):
    parameters = spec["root"]["inputDefinitions"]["parameters"]
    assert parameters["job"]["parameterType"] == "STRING"
    assert parameters["job"]["defaultValue"] == job.spec.to_text()
    assert JobSpec.from_text(job.spec.to_text()) == job.spec


def test_the_package_names_nothing_of_this_machine(package):
    text = package.read_text()
    assert str(ROOT) not in text
    assert str(Path.home()) + "/" not in text
    assert sys.prefix not in text


def test_more_pools_than_a_gate_takes_are_refused_in_one_line(tmp_path):
    pools = [f"pool-{number}" for number in range(7)]
    hardware = PoolSpec(selector={"kubernetes.io/arch": "amd64"})
    placed = {"pools": tuple(pools), "placement": dict.fromkeys(pools, hardware)}
    spec = JobSpec.load(EXAMPLES / "job.yaml").model_copy(update=placed)
    with pytest.raises(SpecError, match=r"^pools: gate takes 12 records at most, not 14; name fewer pools$"):
        compiled(tmp_path, "int8", replace(bundled("job.yaml"), spec=spec))


@pytest.mark.parametrize(
    ("layout", "pool", "asked", "given"), [("4c14ins", "intel", 56, 15), ("8ins", "local", 8, 4)]
)
def test_a_layout_that_a_pool_has_no_cpus_for_is_refused_before_it_is_submitted(
    tmp_path, layout, pool, asked, given
):
    job = bundled("job.yaml" if pool == "local" else FLEET_JOB)
    benchmark = job.spec.benchmark.model_copy(update={"layout": layout})
    job = replace(job, spec=job.spec.model_copy(update={"benchmark": benchmark}))
    with pytest.raises(SpecError) as raised:
        compiled(tmp_path, "int8", job)
    assert str(raised.value) == (
        f"benchmark.layout: {layout} asks for {asked} CPUs, a task on pool '{pool}' has {given}; "
        "choose a smaller one, or give the pool more"
    )


def test_with_json_compile_prints_one_object(tmp_path):
    done = program(tmp_path / "int8.yaml", "--json")
    assert json.loads(done.stdout) == {"package": str(tmp_path / "int8.yaml"), "pipeline": "int8"}


def test_an_unknown_pipeline_is_refused_in_one_line_and_writes_nothing(tmp_path):
    done = program(tmp_path / "int8.yaml", "--pipeline", "int9")
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert "did you mean 'int8'?" in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_target_below_a_file_is_refused_in_one_line(tmp_path):
    (tmp_path / "file").write_text("")
    done = program(tmp_path / "file" / "int8.yaml")
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1


def test_a_text_that_no_task_could_be_handed_is_refused_before_it_is_submitted(tmp_path):
    """Old exporters write one file per tensor, and a bundle names them all."""
    job = bundled(FLEET_JOB)
    files = job.spec.bundle.files | {f"onnx__MatMul_{number}": "0" * 64 for number in range(1200)}
    job = replace(
        job, spec=job.spec.model_copy(update={"bundle": job.spec.bundle.model_copy(update={"files": files})})
    )
    with pytest.raises(
        SpecError, match=r"^job: its text is 1\d\d KiB, of which a task takes 96; it names 1204 files: save a"
    ):
        compiled(tmp_path, "int8", job)
    fitting = dict(list(files.items())[:600])
    job = replace(
        job,
        spec=job.spec.model_copy(update={"bundle": job.spec.bundle.model_copy(update={"files": fitting})}),
    )
    assert compiled(tmp_path, "int8", job).exists()


def test_a_pod_is_not_asked_to_emulate_a_cpu(tmp_path):
    job = bundled("job.yaml")
    spec = job.spec.model_copy(update={"pools": ("local", Emulated(emulate="x86-avx2"))})
    with pytest.raises(SpecError, match=r"^pools: \{emulate: x86-avx2\} is for `inc-mlflow run`"):
        compiled(tmp_path, "int8", replace(job, spec=spec))
