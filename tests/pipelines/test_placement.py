"""A task on its pool: what stands in the package, and the traps of the API that puts it there."""

from decimal import Decimal

import pytest
import yaml
from kfp import dsl, kubernetes

from inc_mlflow.errors import SpecError
from inc_mlflow.pipelines.compiling import PIPELINES, compile_package
from inc_mlflow.pipelines.placement import place
from inc_mlflow.pipelines.scheduling.package import tasks_of
from inc_mlflow.spec import Job, PoolSpec
from tests.support.placed_pipelines import compiled, task_of, work

AMD = PoolSpec.model_validate(
    {
        "selector": {"vendor": "AMD", "arch": "amd64"},
        "required": [
            {"key": "vnni", "operator": "DoesNotExist"},
            {"key": "zen", "operator": "In", "values": ["2", "3"]},
        ],
        "tolerations": [{"key": "inc-mlflow/pool", "value": "amd"}, {"key": "team", "operator": "Exists"}],
        "cpu": 3,
        "exclusive": 15,
        "memory": "6Gi",
        "gpu": 2,
    }
)


@pytest.fixture
def package(tmp_path):
    return tmp_path / "package.yaml"


def test_a_pool_becomes_the_scheduling_of_the_pod(package):
    task = task_of(package, lambda: place(work(), "amd", AMD))
    (term,) = task.pod.terms
    assert (task.pool, task.alone) == ("amd", False)
    assert task.pod.selector == AMD.selector
    assert term.expressions == AMD.required
    assert [(by.key, by.operator, by.value, by.effect) for by in task.pod.tolerations] == [
        ("inc-mlflow/pool", "Equal", "amd", "NoSchedule"),
        ("team", "Exists", "", "NoSchedule"),
    ]
    assert task.pod.requests == {
        "cpu": Decimal(3),
        "memory": Decimal(6 * 2**30),
        "nvidia.com/gpu": Decimal(2),
    }


def test_requests_are_limits_in_whole_cpus(package):
    compiled(package, lambda: place(work(), "amd", AMD))
    spec, _ = documents(package)
    resources = spec["deploymentSpec"]["executors"]["exec-work"]["container"]["resources"]
    assert resources["resourceCpuRequest"] == resources["resourceCpuLimit"] == "3"
    assert resources["resourceMemoryRequest"] == resources["resourceMemoryLimit"] == "6Gi"


def test_alone_asks_for_all_cpus_of_a_node(package):
    task = task_of(package, lambda: place(work(), "amd", AMD, alone=True))
    assert task.alone
    assert task.pod.requests["cpu"] == 15


def test_alone_is_nothing_where_the_pool_does_not_say_how_many_cpus_a_node_gives(package):
    task = task_of(
        package, lambda: place(work(), "amd", AMD.model_copy(update={"exclusive": None}), alone=True)
    )
    assert not task.alone
    assert task.pod.requests["cpu"] == 3


@pytest.mark.parametrize("pool", ["local", "system"])
def test_a_job_without_pools_runs_on_any_machine(package, pool):
    task = task_of(package, lambda: place(work(), pool, PoolSpec(), alone=True))
    assert (task.pool, task.alone) == ("local", False)
    assert (task.pod.selector, task.pod.terms, task.pod.tolerations) == ({}, None, ())
    assert (task.pod.requests["cpu"], task.pod.requests["memory"]) == (4, 8 * 2**30)


def test_a_pool_without_nodes_is_refused(package):
    spec = PoolSpec(tolerations=AMD.tolerations)
    with pytest.raises(
        SpecError, match=r"pools\.amd: its tasks would run on any node; give a selector, required labels"
    ):
        task_of(package, lambda: place(work(), "amd", spec))


def test_two_pools_whose_containers_are_alike_keep_their_own_placement(package):
    def build():
        place(work(), "amd", AMD)
        place(work(), "intel", AMD.model_copy(update={"selector": {"vendor": "Intel"}}))

    assert [task.pod.selector["vendor"] for task in tasks_of(compiled(package, build))] == ["AMD", "Intel"]


def test_two_affinities_are_alternatives(package):
    """Why place() makes one call: Kubernetes ORs the terms of several."""

    def build():
        task = work()
        for expression in AMD.required:
            kubernetes.add_node_affinity(task, [expression.model_dump()])

    assert [len(term.expressions) for term in task_of(package, build).pod.terms] == [1, 1]


def test_a_selector_in_json_replaces_the_labels_that_stand_beside_it(package):
    def build():
        kubernetes.add_node_selector_json(place(work(), "amd", AMD), {"disk": "ssd"})

    task = task_of(package, build)
    assert "vendor: AMD" in package.read_text()
    assert task.pod.selector == {"disk": "ssd"}


def test_tolerations_in_json_are_added(package):
    def build():
        kubernetes.add_toleration_json(place(work(), "amd", AMD), [{"key": "a", "operator": "Exists"}])

    assert [by.key for by in task_of(package, build).pod.tolerations] == ["inc-mlflow/pool", "team", "a"]


def test_an_affinity_in_json_is_one_more_alternative_and_one_with_a_weight_is_none(package):
    terms = {"nodeSelectorTerms": [{"matchExpressions": [{"key": "a", "operator": "Exists"}]}]}

    def build():
        task = place(work(), "amd", AMD)
        kubernetes.add_node_affinity(task, [{"key": "b", "operator": "Exists"}], weight=7)
        kubernetes.add_node_affinity_json(task, {"requiredDuringSchedulingIgnoredDuringExecution": terms})

    assert [
        expression.key for term in task_of(package, build).pod.terms for expression in term.expressions
    ] == [
        "vnni",
        "zen",
        "a",
    ]


def test_placement_by_a_parameter_is_refused(package):
    from kfp import compiler

    @dsl.pipeline(name="placed")
    def pipeline(selector: dict):
        kubernetes.add_node_selector_json(work(), selector)

    compiler.Compiler().compile(pipeline, str(package))
    with pytest.raises(SpecError, match="task 'work': its placement comes from a parameter"):
        tasks_of(package)


def test_resources_by_a_parameter_are_refused(package):
    from kfp import compiler

    @dsl.pipeline(name="placed")
    def pipeline(cpu: str):
        place(work(), "amd", AMD).set_cpu_request(cpu)

    compiler.Compiler().compile(pipeline, str(package))
    with pytest.raises(SpecError, match=r"task 'work': requests\.cpu: .* is not a quantity"):
        tasks_of(package)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: [", "not YAML"),
        ("version: 1", "not a compiled pipeline; make one with `inc-mlflow compile`"),
        ("", "not a compiled pipeline"),
        ("root: {}\ndeploymentSpec: {}", "its second YAML document is lost, and with it all placement"),
        ("root: {}\ndeploymentSpec: {}\n---\nplatforms: {}", "its second YAML document is lost"),
    ],
)
def test_what_is_no_whole_package_is_refused_in_one_line(package, text, message):
    package.write_text(text)
    with pytest.raises(SpecError) as raised:
        tasks_of(package)
    assert str(raised.value).startswith(f"{package}: {message}")
    assert "\n" not in str(raised.value)


def lists_with_outputs(value):
    """Yield the lists and mappings of a package that KFP would fill with outputs of tasks."""
    if isinstance(value, dict):
        if isinstance(value.get("constant"), list | dict) and "{{$" in str(value["constant"]):
            yield value["constant"]
        value = list(value.values())
    for inner in value if isinstance(value, list) else []:
        yield from lists_with_outputs(inner)


def documents(package):
    return list(yaml.safe_load_all(package.read_text()))


def test_no_pipeline_hands_over_outputs_in_a_list(tmp_path, digits, package):
    """KFP makes strings of their numbers, and '3.0' compares as text."""

    @dsl.container_component
    def judge(speedups: list):
        return dsl.ContainerSpec(image="image", command=["judge"], args=[speedups])

    @dsl.container_component
    def measure(speedup: dsl.OutputPath(float)):
        return dsl.ContainerSpec(image="image", command=["measure"], args=[speedup])

    compiled(package, lambda: judge(speedups=[measure().outputs["speedup"], measure().outputs["speedup"]]))
    assert list(lists_with_outputs(documents(package))), "the check finds none any more"
    for name in PIPELINES:
        compile_package(Job.load(digits), name, tmp_path / name)
        assert list(lists_with_outputs(documents(tmp_path / name))) == []
