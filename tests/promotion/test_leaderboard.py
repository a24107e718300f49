"""The leaderboard in the terminal: the gate's order, whatever the server makes of it."""

import json
from functools import partial

import pytest
from hypothesis import given
from hypothesis import strategies as st
from mlflow.entities import Metric

from inc_mlflow.errors import TrackingError
from inc_mlflow.promotion.best import best_candidates
from inc_mlflow.records import MetricFacts
from inc_mlflow.reports.best import print_best
from inc_mlflow.tracking.runs import leaderboard
from inc_mlflow.tracking.runs.leaderboard import find_leaderboard, latest_job, leaderboard_rows
from tests.support.leaderboards import JOB, SPEC, Careless, Runs

ORDER = ("pass", "inconclusive", "fail")


def metric(higher_is_better=True):
    return MetricFacts(name="top1", higher_is_better=higher_is_better)


def order(runs, pool=None, higher_is_better=True):
    return [one.row.sha256 for one in leaderboard_rows(runs, JOB, pool, [metric(higher_is_better)])]


figures = st.fixed_dictionaries(
    {
        "accuracy": st.sampled_from([None, 0.8, 0.9]),
        "speedup": st.sampled_from([None, 0.5, 1.5, 2.5]),
        "size_mb": st.sampled_from([1.0, 2.0]),
    }
)
models = st.lists(
    st.fixed_dictionaries(
        {"verdict": st.sampled_from(ORDER), "row": figures, "intel": figures, "arm": figures}
    ),
    min_size=1,
    max_size=7,
)


def everything(models):
    """All that may stand in the experiment beside the candidates of the job."""
    runs = Runs()
    made = [
        runs.job(verdict="pass"),
        runs.run("baseline", {"size_mb": 4.0}, sha256="base", recipe="baseline", model_id="m"),
    ]
    for number, model in enumerate(models):
        sha256 = f"sha {number}"
        made += [runs.candidate(sha256, model["verdict"], **model["row"])]
        made += [runs.measurement(sha256, pool, model["verdict"], **model[pool]) for pool in ("intel", "arm")]
        made += [runs.candidate(sha256, "pass", size_mb=1.0, speedup=9.0, accuracy=1.0)]  # a race lost
        made += [
            runs.candidate(f"other {number}", "pass", "another job", size_mb=1.0, speedup=9.0, accuracy=1.0)
        ]
    return [*made, runs.run("measurement", {}, sha256="base", pool="intel", recipe="baseline", model_id="m")]


def expected(models, where):
    """Verdict, speed (different ones do not overlap here), size, accuracy, sha256."""

    def key(pair):
        number, model = pair
        speed, accuracy = model[where]["speedup"], model[where]["accuracy"]
        return (
            ORDER.index(model["verdict"]),
            float("inf") if speed is None else -(speed - 0.01),
            model["row"]["size_mb"],
            float("inf") if accuracy is None else -accuracy,
            f"sha {number}",
        )

    return [f"sha {number}" for number, _ in sorted(enumerate(models), key=key)]


@given(models, st.randoms(use_true_random=False), st.sampled_from([None, "intel", "arm"]))
def test_no_order_of_the_server_changes_the_answer(models, random, pool):
    runs = everything(models)
    random.shuffle(runs)
    assert order(runs, pool) == expected(models, pool or "row")


@given(st.integers(1, 5), st.randoms(use_true_random=False))
def test_every_page_is_read_whatever_a_server_puts_into_it(size, random):
    runs = everything([{"verdict": "pass", "row": {"size_mb": 1.0}, "intel": {}, "arm": {}}] * 3)
    random.shuffle(runs)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(leaderboard, "fetch_artifact", job_text)
        found = find_leaderboard(Careless(runs, size), "fleet")
    assert [one.row.sha256 for one in found.rows] == ["sha 0", "sha 1", "sha 2"]


def job_text(client, run_id, path, folder):
    """Fetch the job's text, which is all that the leaderboard fetches."""
    assert (run_id, path) == (JOB, "evidence/job.json")
    file = folder / "job.json"
    file.write_text(SPEC.to_text())
    return file


def test_where_lower_is_better_the_lower_accuracy_comes_first():
    runs = Runs()
    made = [
        runs.candidate(name, "pass", speedup=2.0, accuracy=value, size_mb=1.0)
        for name, value in (("a", 0.3), ("b", 0.2))
    ]
    assert (order(made), order(made, higher_is_better=False)) == (["a", "b"], ["b", "a"])


def test_the_latest_job_with_a_verdict_counts():
    runs = Runs()
    made = [runs.job("first", verdict="fail"), runs.job("second", verdict="pass"), runs.job("still running")]
    assert latest_job(made) == latest_job(reversed(made)) == "second"
    assert latest_job([made[-1], runs.candidate("a", "pass", size_mb=1.0)]) is None


def test_a_row_has_the_numbers_of_all_pools_and_those_asked_for():
    runs = Runs()
    made = [
        runs.candidate("a", "fail", speedup=1.1, accuracy=0.9, size_mb=0.1, p99_ms=3.0),
        runs.measurement("a", "intel", "pass", speedup=2.0, accuracy=0.95, p99_ms=1.0),
        runs.measurement("a", "x86-avx2 (emulated)", "fail", accuracy=0.9),
    ]
    (whole,), (intel,) = (
        leaderboard_rows(made, JOB, None, [metric()]),
        leaderboard_rows(made, JOB, "intel", [metric()]),
    )
    assert (whole.row.speedup.value, whole.p99_ms, intel.row.speedup.value, intel.p99_ms) == (
        1.1,
        3.0,
        2.0,
        1.0,
    )
    assert (whole.row.verdict, intel.row.verdict, intel.row.per_pool["intel"].verdict) == (
        "fail",
        "fail",
        "pass",
    )
    assert whole.row.per_pool["x86-avx2 (emulated)"].speedup is None
    assert (whole.row.path, whole.row.size_bytes) == ("models:/m-a", 100_000)


def test_a_pool_where_nothing_was_measured_is_named_with_those_that_were():
    runs = Runs()
    made = [runs.candidate("a", "pass", size_mb=1.0), runs.measurement("a", "intel", "pass")]
    with pytest.raises(
        TrackingError, match=r"^pool 'amd': run the job measured nothing there; it measured on intel$"
    ):
        leaderboard_rows(made, JOB, "amd", [metric()])


def test_runs_that_another_version_wrote_or_somebody_edited_are_no_candidates():
    runs = Runs()
    made = [
        runs.run("candidate", {"size_mb": 1.0}, recipe="of old"),
        runs.candidate("a", "great", size_mb=1.0),
    ]
    with pytest.raises(
        TrackingError, match="has no candidates that this version can read; run the job again"
    ):
        leaderboard_rows(made, JOB, None, [metric()])


@pytest.fixture
def board(store):
    """A job by hand in a real store: two candidates that pass, and one that fails."""
    client = store.client
    experiment = client.create_experiment("fleet")
    tags = {"inc.role": "job", "inc.verdict": "pass"}
    job = client.create_run(experiment, tags=tags).info.run_id
    client.log_text(job, SPEC.to_text(), "evidence/job.json")
    runs = Runs()
    rows = {"slow": ("pass", 1.2, 0.001), "fast": ("pass", 2.0, 0.009), "broken": ("fail", 3.0, 0.5)}
    for name, (verdict, speedup, drop) in rows.items():
        shared = {"speedup": speedup, "relative_drop": drop, "accuracy": 0.9, "size_mb": 0.25, "p99_ms": 1.5}
        for run in (
            runs.candidate(name, verdict, job, **shared),
            runs.measurement(name, "intel", verdict, job, **shared),
        ):
            made = client.create_run(experiment, tags=run.data.tags).info.run_id
            client.log_batch(made, [Metric(key, value, 0, 0) for key, value in run.data.metrics.items()])
    return job


@pytest.fixture
def best(call, store):
    return partial(call, "best")


def test_it_prints_the_rows_best_first_and_the_command_that_promotes(best, board):
    code, out, err = best("--experiment", "fleet")
    lines = out.splitlines()
    assert (code, err) == (0, "")
    assert [line.split()[1] for line in lines[1:4]] == ["fast", "slow", "broken"]
    assert lines[1].split() == [
        "recipe", "fast", "0.9000", "0.9", "%", "[-0.1,", "1.9]", "2.00x", "[1.99,", "2.01]", "1.5", "ms", "250", "kB", "pass",
    ]  # fmt: skip
    assert lines[4:] == [
        f"Measured by run {board} of experiment fleet",
        f"Promote recipe fast: inc-mlflow promote --run {board}",
    ]


def test_a_limit_on_the_drop_and_on_the_rows(best, board):
    found = json.loads(best("--experiment", "fleet", "--max-drop", 0.005, "--pool", "intel", "--json")[1])
    assert [row["recipe"] for row in found["rows"]] == ["recipe slow"]
    assert (found["best"], found["champion"]) == ("recipe fast", None)
    assert len(json.loads(best("--experiment", "fleet", "--limit", 2, "--json")[1])["rows"]) == 2


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--experiment", "nowhere"), "experiment 'nowhere': is not on the server"),
        (
            ("--experiment", "Default"),
            "experiment 'Default': no job has measured anything in it yet; run one",
        ),
        (
            ("--experiment", "fleet", "--max-drop", "0"),
            "no candidate drops by at most 0 %; the least drop is 0.1 %",
        ),
        (("--experiment", "fleet", "--pool", "amd"), "pool 'amd'"),
        ((), "best: give either a JOB or --experiment"),
    ],
)
def test_errors_are_one_line(best, board, arguments, words):
    code, out, err = best(*arguments)
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert words in err


def test_a_job_whose_text_is_gone_is_one_line(best, store):
    client = store.client
    client.create_run(client.create_experiment("bare"), tags={"inc.role": "job", "inc.verdict": "pass"})
    code, _, err = best("--experiment", "bare")
    assert (code, err.count("\n")) == (2, 1)
    assert "has no artifact 'evidence/job.json'" in err


def test_a_registered_model_of_somebody_elses_hides_no_numbers(best, board, store):
    store.client.create_registered_model("a")
    version = store.client.create_model_version("a", f"runs:/{board}/evidence").version
    store.client.set_registered_model_alias("a", "int8-champion", version)
    code, out, _ = best("--experiment", "fleet")
    assert code == 0
    assert "Champion unknown: registered model 'a':" in out
    assert best("--experiment", "fleet", "--json")[0] == 0


@pytest.mark.slow
def test_a_real_job_is_shown_as_its_gate_judged_it(store, measured, requested, best):
    from inc_mlflow.promotion.process_request import process_untrusted_request
    from inc_mlflow.promotion.review import Policy

    process_untrusted_request(store.stores, requested, Policy())
    table = measured.judgement.table[1:]
    found = json.loads(best(measured / "job.yaml", "--json")[1])
    assert [row["sha256"] for row in found["rows"]] == [row.sha256 for row in table]
    first, row = found["rows"][0], table[0].model_dump(mode="json")
    for name in (
        "recipe",
        "accuracy",
        "relative_drop",
        "speedup",
        "source_speedup",
        "size_bytes",
        "verdict",
        "per_pool",
    ):
        assert first[name] == row[name], name
    assert (first["champion"], found["champion"]["version"], found["promote"]) == (True, "1", None)
    assert found["champion"]["registered_model"] == "digits"
    again = best_candidates(store.stores, "digits", "local", None, None)
    assert [row["sha256"] for row in again["rows"]] == [row.sha256 for row in table]


def test_nothing_is_written(store, board):
    def state():
        runs = store.client.search_runs([one.experiment_id for one in store.client.search_experiments()])
        return sorted((run.info.run_id, str(run.data.to_dictionary())) for run in runs)

    before = state()
    print_best(best_candidates(store.stores, "fleet", None, None, None))
    find_leaderboard(store.client, "fleet", "intel")
    assert state() == before
