"""What Kubeflow's pages show of a record."""

from types import SimpleNamespace

import pytest

from inc_mlflow.measure.gate.judge import judge
from inc_mlflow.records import BASELINE, CalibrationRecord, Candidate, CandidatesRecord
from inc_mlflow.reports.preview import as_html, as_markdown, facts, numbers, preview
from tests.support.gate_measurements import FAIL, FAST, GATE, PASS, SLOW, benchmark, measured, model
from tests.support.several_metrics import by_two

MEASURED = measured({"good | <b>": PASS, "bad": FAIL}, {"good | <b>": FAST, "bad": SLOW})
JUDGED = judge([model(BASELINE), model("good | <b>"), model("bad")], {"local": MEASURED}, GATE)
CANDIDATES = CandidatesRecord(
    baseline_sha256="b",
    candidates=(
        Candidate(
            recipe={},
            engine="onnxruntime",
            label="dynamic",
            path="1/model.onnx",
            sha256="a" * 64,
            size_bytes=2000,
        ),
    ),
)


def test_numbers_are_scalars_that_runs_can_be_compared_by():
    assert numbers(MEASURED.evaluation) == {"baseline": 0.9, "good | <b>": 0.9, "bad": 0.865}
    assert numbers(MEASURED.benchmark) == {"good | <b> speedup": 2.0, "bad speedup": 0.8}
    assert numbers(JUDGED) == {
        "accuracy": 0.9,
        "relative_drop": 0.0,
        "speedup": 2.0,
        "candidates_passed": 1.0,
    }


def test_a_model_without_a_number_has_none():
    failed = MEASURED.evaluation.results["bad"].model_copy(update={"value": None, "reason": "gave NaN"})
    record = MEASURED.evaluation.model_copy(update={"results": MEASURED.evaluation.results | {"bad": failed}})
    assert "bad" not in numbers(record)
    assert "| bad | gave NaN |" in as_markdown(record)


def test_facts_are_plain_and_name_the_hardware():
    assert (
        facts(MEASURED.evaluation).items()
        >= {"metric": "top1", "rows": 2000, "pool": "local", "cpu": "a"}.items()
    )
    assert all(isinstance(value, str | int | float) for value in facts(MEASURED.benchmark).values())


@pytest.mark.parametrize("record", [MEASURED.evaluation, MEASURED.benchmark, JUDGED, CANDIDATES])
def test_a_table_has_cells_for_all_of_its_columns_whatever_a_label_holds(record):
    rows = [line for line in as_markdown(record).splitlines() if line.startswith("|")]
    assert len(rows) > 1
    assert len({line.count("|") for line in rows}) == 1


def test_the_page_shows_the_verdict_and_runs_nothing_of_a_label():
    page = as_html(JUDGED)
    assert "pass: good | &lt;b&gt;" in page
    assert "<b>" not in page


def test_the_metric_has_its_own_column_and_direction():
    assert "| recipe | top1 | drop | speed-up | size | verdict |" in as_markdown(JUDGED)
    found = measured({"int8": PASS}, {"int8": FAST}, metric="wer", higher_is_better=False)
    judged = judge([model(BASELINE), model("int8")], {"local": found}, GATE)
    assert "| recipe | wer | rise | speed-up | size | verdict |" in as_markdown(judged)
    assert "<th>wer</th><th>rise</th>" in as_html(judged)


def test_a_benchmark_without_numbers_says_why():
    record = benchmark(MEASURED.evaluation.evidence, {}, valid=False)
    assert "no numbers: " in as_markdown(record)
    assert "the host was too busy" in as_markdown(record)


def test_only_the_artifacts_that_are_given_are_written(tmp_path):
    about = SimpleNamespace(path=str(tmp_path / "about"), metadata={})
    page = SimpleNamespace(path=str(tmp_path / "page.html"), metadata={})
    preview(JUDGED, about=about, page=page)
    assert about.metadata["verdict"] == "pass"
    assert [path.name for path in tmp_path.iterdir()] == ["page.html"]


def test_other_records_have_facts_alone():
    record = CalibrationRecord(model_sha256="m", ranges_sha256=None, tensors=3, rows=2)
    assert numbers(record) == {}
    assert facts(record)["tensors"] == 3


def test_every_metric_has_its_columns():
    found = by_two({"int8": PASS}, {"int8": PASS}, {"int8": FAST})
    judgement = judge([model(BASELINE), model("int8")], {"local": found}, GATE)
    assert "| recipe | top1 | drop | exact_match | drop | speed-up | size | verdict |" in as_markdown(
        judgement
    )
    assert as_markdown(found.evaluation).startswith(
        "top1, exact_match on 2,000 rows of validation, pool local"
    )
    assert "| int8 | 0.9000 | 0.9000 | 100 B |" in as_markdown(found.evaluation)
    assert numbers(found.evaluation)["int8 exact_match"] == 0.9
