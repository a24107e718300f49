"""Runs of a job by roles, each with its numbers, and models that have exactly their own."""

import json
import shutil

import pytest
import yaml

from inc_mlflow.errors import TrackingError
from inc_mlflow.measure.gate.measurements import load_pools
from inc_mlflow.steps.step import ENDED, SESSION

pytestmark = pytest.mark.slow


class Seen:
    """What one tracked job left in a store."""

    def __init__(self, store, logged):
        self.store, self.logged = store, logged
        self.runs = store.client.search_runs([logged.experiment_id])

    def of(self, role):
        return [run for run in self.runs if run.data.tags["inc.role"] == role]

    def models(self):
        return self.store.client.search_logged_models([self.logged.experiment_id])

    def points(self):
        """Every point of every metric, on runs and on models."""
        history = self.store.client.get_metric_history
        runs = {
            (run.info.run_id, name): history(run.info.run_id, name)
            for run in self.runs
            for name in run.data.metrics
        }
        models = {(model.model_id, one.key) for model in self.models() for one in model.metrics}
        assert len(models) == sum(len(model.metrics) for model in self.models())
        return {key: len(points) for key, points in runs.items()} | dict.fromkeys(models, 1)


def track_two(store, measured, two_pools, folder="first"):
    return Seen(
        store, measured.track(store.folder / folder, two_pools.job, two_pools.judgement, two_pools.records)
    )


@pytest.fixture(scope="module")
def seen(measured, two_pools, empty_store, store_at, tmp_path_factory):
    """A store for tests that only look."""
    folder = tmp_path_factory.mktemp("seen")
    shutil.copyfile(empty_store, folder / "mlflow.db")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{folder}/mlflow.db")
        patch.setenv(SESSION, "the-session")
        return track_two(store_at(folder), measured, two_pools)


def test_a_job_has_a_baseline_candidates_and_a_measurement_per_model_and_pool(seen, two_pools):
    rows = {row.recipe: row for row in two_pools.table}
    assert [run.info.run_id for run in seen.of("job")] == [seen.logged.parent_run_id]
    assert {run.info.run_name for run in seen.of("baseline")} == {"baseline"}
    assert {run.info.run_name for run in seen.of("candidate")} == set(rows) - {"baseline"}
    names = {f"{pool} {recipe}" for recipe in rows for pool in ("local", "other")}
    assert sorted(run.info.run_name for run in seen.of("measurement")) == sorted(names)
    assert {run.data.tags["mlflow.parentRunId"] for run in seen.runs if run not in seen.of("job")} == {
        seen.logged.parent_run_id
    }
    assert {run.info.status for run in seen.runs} == {"FINISHED"}
    for run in seen.of("measurement"):
        params, row = run.data.params, rows[run.data.params["inc.recipe"]]
        assert run.data.tags["inc.model_id"] == seen.logged.models[row.sha256]
        assert (params["inc.sha256"], params["inc.layout"]) == (row.sha256, "1s1c1ins1bs")
        assert run.data.metrics["speedup_low"] == row.per_pool[params["inc.pool"]].speedup.low
        verdict = row.per_pool[params["inc.pool"]].verdict if row.verdict else None
        assert params.get("inc.verdict") == run.data.tags.get("inc.verdict") == verdict


def test_the_files_of_two_pools_stand_models_under_test(seen):
    folder = seen.store.file(seen.logged.parent_run_id, "evidence")
    assert sorted(one.name for one in folder.iterdir() if one.is_dir()) == [
        "benchmark-local", "benchmark-other", "evaluation-local", "evaluation-other", "judgement",
    ]  # fmt: skip
    pools = load_pools(sorted(folder.glob("*-*")))
    assert {pool: one.evaluation.evidence.pool for pool, one in pools.items()} == {
        "local": "local",
        "other": "other",
    }
    assert (folder.parent / "tradeoff.svg").read_text().startswith("<svg ")


def test_each_model_has_exactly_the_numbers_of_its_own_pools(seen):
    models = {model.model_id: {one.key: one.value for one in model.metrics} for model in seen.models()}
    expected = {model_id: {} for model_id in seen.logged.models.values()}
    for run in seen.of("measurement"):
        pool = run.data.params["inc.pool"]
        expected[run.data.tags["inc.model_id"]] |= {
            f"{pool}/{name}": value for name, value in run.data.metrics.items()
        }
    assert models == expected
    assert len({json.dumps(numbers, sort_keys=True) for numbers in expected.values()}) == len(expected) == 3


def test_numbers_have_the_same_names_on_all_runs_and_sort_what_passed_first(seen, two_pools):
    plain = [{name for name in run.data.metrics if "/" not in name} for run in seen.runs]
    candidates = max(plain, key=len)
    assert {frozenset(names) for names in plain} == {
        frozenset(candidates),
        frozenset(candidates - {"standing"}),
    }
    for run in seen.of("candidate"):
        row = next(row for row in two_pools.table if row.recipe == run.info.run_name)
        rank = {"pass": 2, "inconclusive": 1, "fail": 0}[row.verdict]
        assert run.data.metrics["standing"] == pytest.approx(1000 * rank + row.speedup.low, abs=1e-3)


def test_notes_begin_with_the_verdict_and_the_command(seen, two_pools):
    best = two_pools.table[1]
    for run in (*seen.of("job"), *seen.of("candidate")):
        first, second, *_ = run.data.tags["mlflow.note.content"].splitlines()
        assert first.startswith(f"{run.data.tags['inc.verdict']}: ")
        if run.info.run_name in {best.recipe, "digits"}:
            assert second == f"`inc-mlflow promote --run {seen.logged.parent_run_id}`"
    model = seen.store.client.get_logged_model(seen.logged.models[best.sha256])
    assert (
        model.tags["mlflow.note.content"]
        == seen.store.tags(seen.logged.runs[best.sha256])["mlflow.note.content"]
    )
    assert (model.tags["inc.verdict"], model.tags["inc.recipe"]) == (best.verdict, best.recipe)


def test_a_model_says_what_it_takes_and_gives_and_what_it_needs(seen, measured):
    model = seen.store.client.get_logged_model(seen.logged.models[measured.judgement.best().sha256])
    folder = seen.store.local(model.artifact_location)
    saved = yaml.safe_load((folder / "MLmodel").read_text())
    assert [one["name"] for one in json.loads(saved["signature"]["inputs"])] == ["image"]
    assert [one["name"] for one in json.loads(saved["signature"]["outputs"])] == ["logits"]
    assert list(json.loads((folder / "input_example.json").read_text())) == ["image"]
    assert saved["flavors"]["onnx"]["providers"] == ["CPUExecutionProvider"]
    assert all("==" in line for line in (folder / "requirements.txt").read_text().split())


def test_a_baseline_is_logged_once_per_experiment_and_keeps_its_numbers(store, measured):
    seen = Seen(store, measured.track(store.folder))
    before = {
        model.model_id: [(one.key, one.value, one.run_id) for one in model.metrics] for model in seen.models()
    }
    sha256 = measured.judgement.table[0].sha256
    again = measured.track(seen.store.folder / "again", session="another")
    assert again.models[sha256] == seen.logged.models[sha256]
    assert again.runs[sha256] != seen.logged.runs[sha256]
    after = Seen(seen.store, again)
    assert len(after.models()) == len(before) + 2
    assert {
        model.model_id: [(one.key, one.value, one.run_id) for one in model.metrics]
        for model in after.models()
        if model.model_id in before
    } == before


def test_again_adds_no_run_no_model_and_no_point(store, measured, two_pools):
    seen = track_two(store, measured, two_pools)
    before = (
        {run.info.run_id for run in seen.runs},
        {model.model_id for model in seen.models()},
        seen.points(),
    )
    for run_id in before[0]:
        store.client.update_run(run_id, status="RUNNING")  # as a kill before the last call leaves them
    again = track_two(store, measured, two_pools, "again")
    assert (
        {run.info.run_id for run in again.runs},
        {model.model_id for model in again.models()},
        again.points(),
    ) == before
    assert set(before[2].values()) == {1}
    assert {run.info.status for run in again.runs} == {"FINISHED"}


def test_a_lost_answer_makes_no_second_model_and_no_second_run(store, measured, monkeypatch):
    """Every write that makes something is done, and its answer lost, once."""
    from mlflow.exceptions import MlflowException
    from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore

    lost = set()

    def losing(name, write):
        def lose(*args, **kwargs):
            made = write(*args, **kwargs)
            if name not in lost:
                lost.add(name)
                raise MlflowException("the answer is lost")
            return made

        return lose

    for name in ("create_experiment", "create_run", "create_logged_model", "finalize_logged_model"):
        monkeypatch.setattr(SqlAlchemyStore, name, losing(name, getattr(SqlAlchemyStore, name)))
    monkeypatch.setattr("inc_mlflow.tracking.server.get_or_create._PAUSES", (0.0, 0.0, 0.0))
    seen = Seen(store, measured.track(store.folder))
    assert len(lost) == 4
    rows = measured.judgement.table
    assert len(seen.runs) == 1 + 2 * len(rows)
    assert sorted(model.model_id for model in seen.models()) == sorted(seen.logged.models.values())


@pytest.fixture
def left_by(store, measured, monkeypatch):
    """Kill a session when its first model is to be logged, and return its runs, as SIGKILL leaves them."""

    def kill(session):
        def interrupted(*_):
            raise TrackingError("killed")

        with monkeypatch.context() as patch, pytest.raises(TrackingError, match="killed"):
            patch.setattr("inc_mlflow.tracking.runs.candidates.ensure_model", interrupted)
            measured.track(store.folder, session=session)
        experiment = store.client.get_experiment_by_name("digits").experiment_id
        parent = store.client.search_runs([experiment], f"tags.`inc.session` = '{session}'")[0].info.run_id
        left = [
            run.info.run_id
            for run in store.client.search_runs([experiment], f"tags.`mlflow.parentRunId` = '{parent}'")
        ]
        for run_id in (parent, *left):
            store.client.update_run(run_id, status="RUNNING")
        return {parent, *left}

    return kill


def test_runs_of_executions_that_cannot_be_alive_are_closed_and_no_others(
    store, measured, left_by, monkeypatch
):
    dead, alive = left_by("dead"), left_by("alive")
    monkeypatch.setenv(ENDED, "dead older")
    seen = Seen(store, measured.track(store.folder))
    statuses = {run.info.run_id: run.info.status for run in seen.runs}
    assert {statuses.pop(run_id) for run_id in dead} == {"KILLED"}
    assert {statuses.pop(run_id) for run_id in alive} == {"RUNNING"}
    assert set(statuses.values()) == {"FINISHED"}


def test_a_job_that_is_judged_anew_has_runs_of_its_own(store, measured, left_by, tmp_path):
    """A server that comes back in between may bring a champion along: other numbers, and the same session."""
    before = left_by("the-session")
    judged = measured.judgement.model_copy(update={"reasons": ("anew",)})
    judged.save(tmp_path / "judgement")
    seen = Seen(store, measured.track(store.folder, judgement=tmp_path / "judgement"))
    assert {run.info.run_id for run in seen.runs if run.info.status == "KILLED"} == before
    assert not before & {seen.logged.parent_run_id, *seen.logged.runs.values()}
