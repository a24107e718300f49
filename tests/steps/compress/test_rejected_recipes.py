"""A recipe that gives no candidate is a row that fails; the others go on, and without any FP32 is kept."""

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import helper

from inc_mlflow.engines.engine import MethodData
from inc_mlflow.engines.onnxruntime.methods import static
from inc_mlflow.engines.onnxruntime.methods.dynamic import DynamicMethod
from inc_mlflow.errors import DataError, ModelError, StateError
from inc_mlflow.measure.gate.judge import judge
from inc_mlflow.records import BASELINE, CandidatesRecord, JudgementRecord, RejectedRecipe
from inc_mlflow.reports.preview import as_markdown, numbers
from inc_mlflow.reports.result import job_result
from inc_mlflow.reports.table import print_result
from inc_mlflow.reports.tradeoff import draw_tradeoff
from inc_mlflow.spec import Job, parse_recipe
from inc_mlflow.steps.compress.quantize import quantize
from inc_mlflow.steps.prepare.calibrate import calibrate
from inc_mlflow.steps.prepare.check import check
from inc_mlflow.steps.prepare.checked_import import Rows
from inc_mlflow.steps.prepare.import_model import import_baselines, import_model
from inc_mlflow.tracking.runs.notes import job_note
from tests.support.gate_measurements import FAST, GATE, PASS, measured, model
from tests.support.graphs import linear
from tests.support.graphs import model as graph

JOB = """
version: 1
name: a
model: model.onnx
data: {{calibration: {{path: rows.npz, stop: 16}}, validation: {{path: rows.npz, start: 16}}}}
metric: top1
recipes: [{recipes}]
"""
IMPOSSIBLE = "{method: static, smooth_quant: 0.5}"


def made(folder: Path, source: onnx.ModelProto, recipes: str) -> CandidatesRecord:
    """Run import, calibration and quantisation of a job."""
    onnx.save(source, folder / "model.onnx")
    generator = np.random.default_rng(0)
    np.savez(
        folder / "rows.npz", x=generator.normal(size=(32, 8)).astype("f4"), label=generator.integers(0, 4, 32)
    )
    (folder / "job.yaml").write_text(JOB.format(recipes=recipes))
    job = Job.load(folder / "job.yaml")
    steps = {name: folder / name for name in ("baseline", "ranges", "candidates")}
    import_model(job, steps["baseline"])
    calibrate(job, steps["ranges"], baseline=steps["baseline"])
    return quantize(job, steps["candidates"], baseline=steps["baseline"], ranges=steps["ranges"])


def test_the_recipe_that_cannot_be_made_leaves_the_others_alone(tmp_path):
    record = made(tmp_path, linear(), f"{{method: static}}, {IMPOSSIBLE}, {{method: dynamic}}")
    assert [one.label for one in record.candidates] == ["static u8s8 per-channel", "dynamic s8 per-channel"]
    assert [one.path for one in record.candidates] == ["1/model.onnx", "2/model.onnx"]
    (rejected,) = record.rejected
    assert rejected.label == "static u8s8 per-channel smoothed 0.5"
    assert "this model has no linear layer" in rejected.reason
    assert CandidatesRecord.load(tmp_path / "candidates") == record
    assert sorted(path.name for path in (tmp_path / "candidates").iterdir() if path.is_dir()) == ["1", "2"]


def test_whatever_the_quantiser_raises_is_one_line_with_its_whole_text(tmp_path, monkeypatch):
    def broken(*arguments, **options):
        raise KeyError("a name\nof two lines")

    monkeypatch.setattr(static, "quantize_static", broken)
    record = made(tmp_path, linear(), "{method: static}, {method: dynamic}")
    (rejected,) = record.rejected
    assert "onnxruntime's quantiser fails on this model; choose another recipe: 'a name" in rejected.reason
    assert len(rejected.reason.splitlines()) == 1
    assert "Traceback" in rejected.details
    assert len(record.candidates) == 1


@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), MemoryError()])
def test_a_full_disk_is_no_fault_of_the_recipe(tmp_path, monkeypatch, error):
    def full(*arguments, **options):
        raise error

    monkeypatch.setattr(static, "quantize_static", full)
    with pytest.raises((OSError, MemoryError, StateError)):
        made(tmp_path, linear(), "{method: static}")


def test_a_bug_of_ours_keeps_its_traceback(tmp_path, monkeypatch):
    monkeypatch.setattr(static, "nodes_kept_fp32", lambda *arguments: {}["a bug"])
    with pytest.raises(KeyError, match="a bug"):
        made(tmp_path, linear(), "{method: static}")


def test_a_model_with_nothing_to_quantise_has_rejected_recipes_only(tmp_path):
    source = graph(
        [helper.make_node("Softmax", ["x"], ["s"]), helper.make_node("Neg", ["s"], ["y"])],
        {},
        {"x": ["batch", 8]},
        {"y": ["batch", 8]},
        17,
    )
    record = made(tmp_path, source, "{method: dynamic}, {method: dynamic, per_channel: false}")
    assert not record.candidates
    assert all("nothing in this model can be quantised" in one.reason for one in record.rejected)


def test_an_int8_source_is_called_one(tmp_path):
    (tmp_path / "fp32").mkdir()
    made(tmp_path / "fp32", linear(), "{method: static}")
    int8 = onnx.load(tmp_path / "fp32/candidates/1/model.onnx")
    line = "model.onnx: already INT8: 2 QuantizeLinear; give the FP32 model it came from"
    with pytest.raises(ModelError, match=f"{line}$"):
        made(tmp_path, int8, "{method: static}, {method: dynamic}")
    (tmp_path / "rows.npz").unlink()
    with pytest.raises(ModelError, match=f"{line}$"):  # before any row is read
        check(Job.load(tmp_path / "job.yaml"))


def test_an_int8_baseline_of_somebody_elses_is_refused_by_each_recipe(tmp_path):
    made(tmp_path, linear(), "{method: dynamic}")
    recipe = parse_recipe({"method": "dynamic"})
    int8 = tmp_path / "candidates/1/model.onnx"
    with pytest.raises(ModelError, match="the model is already INT8: 1 MatMulInteger; give the FP32 model"):
        DynamicMethod().apply(int8, recipe, MethodData(tuple, None, 1), tmp_path / "again.onnx")


def test_importing_an_int8_model_alone_says_that_it_is_one(tmp_path):
    made(tmp_path, linear(), "{method: dynamic}")
    (tmp_path / "again").mkdir()
    record = import_baselines(
        tmp_path / "candidates/1/model.onnx", ["onnxruntime"], tmp_path / "again", Rows([])
    )
    assert "model.onnx: already INT8: 1 MatMulInteger; give the FP32 model it came from" in record.notes


REJECTED = tuple(
    RejectedRecipe(recipe={}, engine="onnxruntime", label=label, reason=f"recipe {label!r}: cannot be")
    for label in ("one", "two")
)


def judged(*labels: str, accuracy=PASS) -> JudgementRecord:
    models = [model(BASELINE), *map(model, labels)]
    pools = {"local": measured(dict.fromkeys(labels, accuracy), dict.fromkeys(labels, FAST))}
    return judge(models, pools, GATE, REJECTED)


def test_rejected_recipes_do_not_change_the_verdict_of_the_others():
    record = judged("int8")
    assert (record.verdict, record.best().recipe, record.rejected) == ("pass", "int8", REJECTED)


def test_without_a_candidate_the_verdict_is_to_keep_fp32():
    record = judged()
    assert (record.verdict, record.headline()) == ("fail", "fail: keep FP32")
    assert record.reasons == tuple(one.reason for one in REJECTED)
    assert [row.recipe for row in record.table] == [BASELINE]


def test_without_candidates_and_rejected_recipes_there_is_nothing_to_judge():
    with pytest.raises(DataError, match="judges the baseline and candidates"):
        judge([model(BASELINE)], {"local": measured({}, {})}, GATE)


@pytest.mark.parametrize("labels", [(), ("int8",)])
def test_people_and_programs_see_the_rows(tmp_path, labels):
    record = judged(*labels)
    record.save(tmp_path / "judgement")
    result = job_result(tmp_path, None)
    assert [row["recipe"] for row in result["table"]] == [BASELINE, *labels, "one", "two"]
    row = result["table"][-1]
    assert row.keys() == result["table"][0].keys()
    assert (row["verdict"], row["reasons"], row["sha256"]) == ("fail", [REJECTED[1].reason], None)
    assert result["best"] == result["table"][1]
    for text in (as_markdown(record), job_note(record, "run")):
        assert all(one.reason in text for one in REJECTED)
    assert "candidates_passed" in numbers(record)
    assert record.headline() in draw_tradeoff(record, GATE)


@pytest.mark.parametrize("labels", [(), ("int8",)])
def test_the_terminal_shows_why_each_was_rejected(tmp_path, capsys, labels):
    judged(*labels).save(tmp_path / "judgement")
    print_result(job_result(tmp_path, None), {})
    shown = " ".join(capsys.readouterr().out.split())
    assert all(one.reason in shown for one in REJECTED)
