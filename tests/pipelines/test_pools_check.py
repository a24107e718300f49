"""`pools check`: every task of every preset stands on its pool, and what the command says."""

import json
import re

import pytest

from inc_mlflow.cli import main
from inc_mlflow.errors import SpecError
from inc_mlflow.pipelines.placement import place
from inc_mlflow.pipelines.scheduling.fleet import Fleet
from inc_mlflow.pipelines.scheduling.package import tasks_of
from inc_mlflow.spec import PoolSpec
from inc_mlflow.spec.presets import definitions, presets
from tests.support.compiled_packages import FLEET_JOB, NAMES, bundled
from tests.support.compiled_packages import compiled as whole
from tests.support.fleets import FLEETS, fleet_file, wrong
from tests.support.placed_pipelines import compiled, work


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


def test_there_is_a_fleet_of_every_preset():
    assert sorted(path.stem for path in FLEETS.glob("*.yaml")) == presets()


@pytest.mark.parametrize("preset", presets())
def test_a_fleet_has_nodes_of_every_pool_and_decoys(preset):
    fleet = Fleet.load(FLEETS / f"{preset}.yaml")
    pools = {node.pool for node in fleet.nodes}
    assert pools == {*definitions(preset, FLEETS), None}
    assert sum(node.pool is None for node in fleet.nodes) >= 5


@pytest.mark.parametrize("preset", presets())
def test_every_task_may_run_on_its_pool_and_nowhere_else(preset_packages, preset, check):
    code, out, err = check(preset_packages[preset], preset, "--json")
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
def test_tasks_in_conditions_loops_and_exit_handlers_are_found(preset_packages, preset):
    paths = {task.name: task.path for task in tasks_of(preset_packages[preset])}
    assert paths["promote"].count("/") == 2
    assert paths["intel · evaluate"].startswith("exit-handler-1/")
    assert paths["exit"].count("/") == 0
    assert len(paths) == 2 * len(definitions(preset, FLEETS)) + 2


def test_a_package_without_its_second_document_is_refused(preset_packages, tmp_path, check):
    package = tmp_path / "p.yaml"
    package.write_text(preset_packages["eks"].read_text().partition("\n---\n")[0])
    code, out, err = check(package, "eks")
    assert (code, out) == (2, "")
    lost = "its second YAML document is lost, and with it all placement; compile it again"
    assert err == f"inc-mlflow: {package}: {lost}\n"


def test_tasks_on_local_may_run_anywhere(tmp_path, check):
    code, out, _ = check(compiled(tmp_path / "p.yaml", lambda: place(work(), "local", PoolSpec())), "eks")
    assert code == 0
    assert out == "work  local: web-c6i, web-c7g\nverdict: pass\n", "the node of system is too small"


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


def test_a_fleet_that_is_not_there_is_one_line(preset_packages, check):
    code, out, err = check(preset_packages["eks"], "azure")
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
