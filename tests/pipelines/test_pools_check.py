"""The proof of placement: every preset on its fleet, and what it must catch."""

import json
import re
from functools import partial

import pytest
import yaml
from kfp import kubernetes

from inc_mlflow.cli import main
from inc_mlflow.errors import SpecError
from inc_mlflow.pipelines.placement import place
from inc_mlflow.pipelines.scheduling.fleet import Fleet
from inc_mlflow.pipelines.scheduling.package import tasks_of
from inc_mlflow.pipelines.scheduling.proof import prove
from inc_mlflow.spec import PoolSpec
from inc_mlflow.spec.presets import definitions, presets
from tests.support.compiled_packages import FLEET_JOB, NAMES, bundled
from tests.support.compiled_packages import compiled as whole
from tests.support.paths import ROOT
from tests.support.placed_pipelines import compiled, every_pool, spoil, work

FLEETS = ROOT / "examples" / "fleets"
LABEL = "inc-mlflow/pool"


@pytest.fixture(scope="module")
def packages(tmp_path_factory):
    """One package per preset, with tasks on all of its pools."""
    folder = tmp_path_factory.mktemp("packages")
    return {
        name: compiled(folder / f"{name}.yaml", partial(every_pool, definitions(name, folder)))
        for name in presets()
    }


@pytest.fixture
def check(monkeypatch, capsys):
    """Call `pools check`: (exit code, standard output, standard error)."""

    def inner(package, preset, *options):
        monkeypatch.setattr(
            "sys.argv",
            ["inc-mlflow", "pools", "check", str(package), "--fleet", fleet_file(preset), *options],
        )
        with pytest.raises(SystemExit) as ended:
            main()
        return ended.value.code, *capsys.readouterr()

    return inner


def fleet_file(preset):
    return str(FLEETS / f"{preset}.yaml")


def wrong(package, fleet):
    """Return what is wrong, per pool."""
    proof = prove(
        tasks_of(package), fleet if isinstance(fleet, Fleet) else Fleet.load(FLEETS / f"{fleet}.yaml")
    )
    found = {}
    for placed in proof:
        if placed.wrong:
            found[placed.task.pool] = (*found.get(placed.task.pool, ()), *placed.wrong)
    return found


def fleet_with(preset, change):
    """Return a preset's fleet whose nodes ``change`` may change."""
    raw = yaml.safe_load((FLEETS / f"{preset}.yaml").read_text())
    for node in raw["nodes"]:
        change(node)
    return Fleet.model_validate(raw)


def test_there_is_a_fleet_of_every_preset():
    assert sorted(path.stem for path in FLEETS.glob("*.yaml")) == presets()


@pytest.mark.parametrize("preset", presets())
def test_a_fleet_has_nodes_of_every_pool_and_decoys(preset):
    fleet = Fleet.load(FLEETS / f"{preset}.yaml")
    pools = {node.pool for node in fleet.nodes}
    assert pools == {*definitions(preset, FLEETS), None}
    assert sum(node.pool is None for node in fleet.nodes) >= 5


@pytest.mark.parametrize("preset", presets())
def test_every_task_may_run_on_its_pool_and_nowhere_else(packages, preset, check):
    code, out, err = check(packages[preset], preset, "--json")
    result = json.loads(out)
    fleet = Fleet.load(FLEETS / f"{preset}.yaml")
    assert (code, err, result["verdict"]) == (0, "", "pass")
    assert [task["feasible"] for task in result["tasks"]] == [
        list(fleet.of(task["pool"])) for task in result["tasks"]
    ]
    assert all(task["feasible"] for task in result["tasks"])
    assert {task["pool"] for task in result["tasks"]} == set(definitions(preset, FLEETS))


@pytest.mark.parametrize("preset", presets())
@pytest.mark.parametrize("pipeline", NAMES)
def test_every_pipeline_stands_on_its_pools(pipeline, preset, tmp_path):
    package = whole(tmp_path, pipeline, bundled(FLEET_JOB, preset))
    assert wrong(package, preset) == {}
    alone = {task.name for task in tasks_of(package) if task.alone}
    assert alone == {task.name for task in tasks_of(package) if task.name.endswith("benchmark")} != set()


@pytest.mark.parametrize("preset", presets())
def test_tasks_in_conditions_loops_and_exit_handlers_are_found(packages, preset):
    paths = {task.name: task.path for task in tasks_of(packages[preset])}
    assert paths["promote"].count("/") == 2
    assert paths["intel · evaluate"].startswith("exit-handler-1/")
    assert paths["exit"].count("/") == 0
    assert len(paths) == 2 * len(definitions(preset, FLEETS)) + 2


@pytest.mark.parametrize("preset", presets())
def test_lost_tolerations_are_caught(packages, preset, tmp_path):
    package = spoil(packages[preset], tmp_path / "p.yaml", lambda config: config.pop("tolerations", None))
    assert set(wrong(package, preset)) == set(definitions(preset, tmp_path)) - {"system"}


@pytest.mark.parametrize("preset", presets())
def test_a_toleration_of_another_pool_is_caught(packages, preset, tmp_path):
    def change(config):
        for toleration in config.get("tolerations", []):
            if toleration["key"] == LABEL:
                toleration["value"] += "-other"

    package = spoil(packages[preset], tmp_path / "p.yaml", change)
    found = wrong(package, preset)
    assert set(found) == set(definitions(preset, tmp_path)) - {"system"}
    assert any("taint inc-mlflow/pool=intel:NoSchedule is not tolerated" in line for line in found["intel"])


@pytest.mark.parametrize("preset", presets())
def test_a_lost_selector_is_caught(packages, preset, tmp_path):
    """NFD's pools stand on their requirements as well; only the system's is a selector alone."""
    package = spoil(packages[preset], tmp_path / "p.yaml", lambda config: config.pop("nodeSelector", None))
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


def test_a_package_without_its_second_document_is_refused(packages, tmp_path, check):
    package = tmp_path / "p.yaml"
    package.write_text(packages["eks"].read_text().partition("\n---\n")[0])
    code, out, err = check(package, "eks")
    assert (code, out) == (2, "")
    lost = "its second YAML document is lost, and with it all placement; compile it again"
    assert err == f"inc-mlflow: {package}: {lost}\n"


def test_a_task_that_nobody_placed_is_caught(tmp_path):
    def build():
        place(work(), "system", definitions("eks", tmp_path)["system"])
        work().set_display_name("lost")

    assert "nobody put it on a pool" in wrong(compiled(tmp_path / "p.yaml", build), "eks")[None]


def test_a_pool_that_the_fleet_lacks_is_caught(packages):
    fleet = fleet_with("eks", lambda node: node.pop("pool") if node.get("pool") == "arm" else None)
    assert "the fleet has no node of pool arm" in wrong(packages["eks"], fleet)["arm"]


@pytest.mark.parametrize("preset", presets())
def test_a_benchmark_that_would_share_its_node_is_caught(packages, preset):
    """A node of twice the size has room for two of them, which no label tells."""

    def change(node):
        if node.get("pool") == "intel":
            node["allocatable"] |= {"cpu": "31", "memory": "54Gi"}

    ((pool, lines),) = wrong(packages[preset], fleet_with(preset, change)).items()
    assert pool == "intel"
    assert [line.partition(": ")[2] for line in lines] == [
        "should be alone there, but it has room for intel · benchmark, intel · evaluate as well"
    ]


def test_tasks_on_local_may_run_anywhere(tmp_path, check):
    code, out, _ = check(compiled(tmp_path / "p.yaml", lambda: place(work(), "local", PoolSpec())), "eks")
    assert code == 0
    assert out == "work  local: web-c6i, web-c7g\nverdict: pass\n", "the node of system is too small"


def test_local_is_no_pool_beside_others(tmp_path):
    def build():
        place(work(), "local", PoolSpec())
        place(work(), "amd", definitions("eks", tmp_path)["amd"])

    found = wrong(compiled(tmp_path / "p.yaml", build), "eks")
    assert set(found) == {"local"}
    assert found["local"][0] == "may run on any node, while other tasks have pools"


def test_what_is_wrong_is_one_line_per_task_that_says_why(tmp_path, check):
    pools = definitions("nfd", tmp_path)
    broken = pools["amd"].model_copy(update={"required": pools["amd"].required[:1], "memory": "61Gi"})

    def build():
        place(work().set_display_name("amd · evaluate"), "amd", broken)
        place(work().set_display_name("arm · evaluate"), "arm", pools["arm"])

    code, out, err = check(compiled(tmp_path / "p.yaml", build), "nfd")
    assert (code, err) == (3, "")
    assert out.splitlines() == [
        "amd · evaluate  amd: no node",
        "arm · evaluate  arm: arm-altra",
        "wrong: amd · evaluate: node amd-milan: memory: 61Gi asked for, 60Gi there",
        "verdict: fail",
    ]
    spared = pools["amd"].model_copy(update={"required": pools["amd"].required[:1]})
    code, out, _ = check(compiled(tmp_path / "p.yaml", lambda: place(work(), "amd", spared)), "nfd")
    assert code == 3
    assert "wrong: work: node amd-zen5-by-mistake: may run there, nothing keeps it off" in out


def test_a_node_of_the_pool_that_a_label_keeps_off_is_named_with_it(packages):
    def change(node):
        if node["name"] == "amd-genoa-by-mistake":
            node["pool"] = "amd"

    assert (
        "node amd-genoa-by-mistake: label feature.node.kubernetes.io/cpu-cpuid.AVX512VNNI DoesNotExist fails"
        in wrong(packages["nfd"], fleet_with("nfd", change))["amd"]
    )


def test_a_fleet_that_is_not_there_is_one_line(packages, check):
    code, out, err = check(packages["eks"], "azure")
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert "azure.yaml: cannot be read" in err


def test_the_examples_of_the_documentation_are_what_happens(tmp_path, monkeypatch, capsys):
    page = (FLEETS.parents[1] / "docs" / "pools.md").read_text()
    own, fleet = re.findall(r"```yaml\n(version: 1\n.*?)```", page, re.DOTALL)
    (shown,) = re.findall(r"```text\n(.*?)```", page, re.DOTALL)
    (tmp_path / "own.yaml").write_text(own)
    (tmp_path / "fleet.yaml").write_text(fleet)
    assert definitions("own.yaml", tmp_path)["sapphire-rapids"].exclusive == 31
    amd = definitions("nfd", tmp_path)["amd"]
    package = compiled(
        tmp_path / "p.yaml", lambda: place(work().set_display_name("amd · evaluate"), "amd", amd)
    )
    monkeypatch.setattr(
        "sys.argv", ["inc-mlflow", "pools", "check", str(package), "--fleet", str(tmp_path / "fleet.yaml")]
    )
    with pytest.raises(SystemExit) as ended:
        main()
    assert (ended.value.code, capsys.readouterr().out) == (3, shown)


def test_a_fleet_is_no_package():
    with pytest.raises(SpecError, match="not a compiled pipeline"):
        tasks_of(FLEETS / "eks.yaml")
