"""The command that predicts saturation, and what becomes of its report in a run."""

import json

import numpy as np
import pytest

from inc_mlflow.records import SaturationReport
from inc_mlflow.reports.saturation import advice, saturation_markdown
from inc_mlflow.steps.compress.saturation import saturation_report, saturation_texts

STATIC, DYNAMIC = '{"method": "static"}', '{"method": "dynamic"}'


@pytest.fixture
def quantized(answer, work):
    """Write a candidate of the example."""

    def inner(recipe=STATIC):
        path = work.folder / "int8.onnx"
        answer("quantize", work.job, "--recipe", recipe, "-o", path)
        return path

    return inner


def test_json(answer, work, quantized):
    result = answer("saturation", quantized(), "--data", work.folder / "calib.npz")
    assert (result["rows"], len(result["layers"])) == (16, 6)
    assert {"name", "possible", "expected_rate", "expected_error_lsb"} <= set(result["layers"][0])
    assert result["at_risk"] == sum(layer["expected_rate"] > 0 for layer in result["layers"]) > 0


@pytest.mark.parametrize("samples", [1, 40])
def test_samples(answer, work, quantized, samples):
    rows = ["--data", work.folder / "calib.npz"]
    assert answer("saturation", quantized(), *rows, "--samples", samples)["rows"] == samples


def test_rows_of_a_job_are_those_of_its_file(answer, work, quantized):
    """The example's calibration split draws 200 of 300 rows; all of them are the same from both."""
    work.unset("data.calibration.samples")
    model = quantized()
    results = [
        answer("saturation", model, *rows, "--samples", 300)
        for rows in (["--data", work.folder / "calib.npz"], ["--job", work.job])
    ]
    assert results[0] == results[1]


def test_protected_candidate_of_a_job(answer, work, quantized):
    protected = quantized('{"method": "static", "reduce_range": "saturating"}')
    assert answer("saturation", protected, "--job", work.job)["at_risk"] == 0


def test_people_get_a_table_worst_first_and_advice(call, work, quantized):
    code, out, err = call("saturation", quantized(), "--data", work.folder / "calib.npz")
    assert (code, err) == (0, "")
    header, *rows, last = out.splitlines()
    assert header.split()[:2] == ["layer", "operator"]
    assert 0 < len(rows) < 6  # one layer cannot saturate
    errors = [float(row.split()[-1]) for row in rows]
    assert errors == sorted(errors, reverse=True)
    assert "x86 CPUs without VNNI" in last
    assert "reduce_range: saturating" in last


def test_nothing_at_risk_is_one_sentence(call, work, quantized):
    code, out, err = call(
        "saturation", quantized('{"method": "static", "reduce_range": true}'), "--job", work.job
    )
    assert (code, err) == (0, "")
    assert out == "None of 6 layers saturates on these rows: CPUs with and without VNNI agree.\n"


@pytest.mark.parametrize(
    ("arguments", "holds"),
    [
        ((), ("--data, --job: give one of them",)),
        (("--data", "calib.npz", "--job", "job.yaml"), ("--data, --job: give one of them",)),
        (("--data", "empty.npz"), ("--data: ", "has no rows")),
        (("--data", "calib.npz"), ("fp32.onnx: no layer has 8-bit weights", "give a quantised model")),
    ],
)
def test_refused(refused, work, arguments, holds):
    work.save("empty.npz", image=np.zeros((0, 1, 8, 8), "f4"))
    paths = [argument if argument.startswith("--") else work.folder / argument for argument in arguments]
    refused("saturation", work.folder / "fp32.onnx", *paths, holds=holds)


def test_the_report_beside_a_candidate_becomes_two_artifacts(work, quantized):
    model = quantized()
    rows = ({"image": image[None]} for image in work.arrays("calib.npz")["image"])
    saturation_report("onnxruntime", model, rows)
    report = SaturationReport.model_validate_json((model.parent / "saturation.json").read_text())
    texts = saturation_texts(
        {"sha of int8.onnx": model, "sha of another": work.folder / "elsewhere" / "model.onnx"}
    )
    assert set(texts) == {"sha of int8.onnx"}
    artifacts = texts["sha of int8.onnx"]
    assert SaturationReport.model_validate(json.loads(artifacts["saturation.json"])) == report
    assert artifacts["saturation.md"] == saturation_markdown(report)
    assert artifacts["saturation.md"].startswith("| layer | operator |")
    assert artifacts["saturation.md"].endswith(f"{advice(report)}\n")
