"""A job with a field that cannot be: one line that names it, and exit code 2."""

import pytest

FIELDS = [
    ("modle", "x.onnx", ["modle: unknown field", "did you mean 'model'", "allowed are"]),
    ("data.calibration.sample", 3, ["data.calibration.sample: unknown field", "did you mean 'samples'"]),
    (
        "data.test",
        {"path": "dev.npz"},
        ["data.test: unknown field", "calibration, group, training, tuning, validation"],
    ),
    ("gate.min_speed", 2, ["gate.min_speed: unknown field", "did you mean 'min_speedup'"]),
    ("gate.max_relative_drop", 2.0, ["gate.max_relative_drop", "less than 1"]),
    ("gate.max_relative_drop", float("nan"), ["gate.max_relative_drop", "finite"]),
    ("version", 2, ["version", "expected 1", "got 2"]),
    ("name", "a/b", ["name", "match"]),
    ("model", "model.pt", ["model.torch", "model.pt", "give a function that builds the module"]),
    ("model", "none.onnx", ["model: no file", "none.onnx", "relative to the job file"]),
    ("metric", "top2", ["metric", "no 'top2'", "did you mean", "token_accuracy, top1, top5"]),
    (
        "metric",
        {"name": "top1", "output": "logit"},
        ["metric.output", "'logit'", "did you mean 'logits'", "it has logits"],
    ),
    ("metric", {"name": "top1", "options": {"k": 1}}, ["metric.options.k: unknown field"]),
    ("metric", {"name": "entity_f1"}, ["metric.options.tags: required field is missing"]),
    (
        "metric",
        {"name": "top1", "postprocess": "argmx"},
        ["postprocess: no 'argmx'", "did you mean 'argmax'", "nms"],
    ),
    (
        "metric",
        {"name": "top1", "postprocess": {"name": "argmax", "axes": 1}},
        ["metric.postprocess.axes", "did you mean 'axis'"],
    ),
    ("metric", {"name": "top1", "postprocess": {"axis": 1}}, ["metric.postprocess: give its name"]),
    (
        "metric",
        {"name": "squad_f1", "postprocess": "argmax"},
        ["metric.postprocess: argmax gives logits", "reads text"],
    ),
    (
        "metric",
        {"name": "squad_f1", "postprocess": "squad_span"},
        ["no output", "called 'start'", "outputs: {start: <output>"],
    ),
    (
        "metric",
        {"name": "coco_map", "output": "logits"},
        ["metric.output: the metric reads several", "scores: <output>"],
    ),
    (
        "metric",
        {"name": "top1", "outputs": {"logit": "logits"}},
        ["no role 'logit'", "did you mean 'logits'"],
    ),
    (
        "metric",
        {"name": "miou", "options": {"classes": 1}},
        ["metric.options.classes", "greater than or equal to 2"],
    ),
    (
        "metric",
        {"name": "wer", "postprocess": {"name": "decode", "tokenizer": "t.json"}, "output": "logits"},
        ["no file", "t.json"],
    ),
    ("metric", {"callable": "metric.txt:f"}, ["metric.callable", "match"]),
    ("metric", {"name": "top1", "callable": "m.py:f"}, ["metric", "either 'name' or 'callable'"]),
    ("metric", {"name": "top1", "decomposable": True}, ["metric", "for callables"]),
    ("recipes", "best", ["recipes", "expected 'auto'"]),
    ("search", {"budget": -1}, ["search.budget", "greater than 0"]),
    ("search", {"pools": ["intel"]}, ["search.pools", "not a pool of the job", "local"]),
    ("recipes", [], ["recipes", "at least 1"]),
    ("recipes", [{"method": "statik"}], ["recipes[0]", "no method 'statik'", "did you mean 'static'"]),
    (
        "recipes",
        [{}],
        [
            "recipes[0]",
            "'method' is missing",
            "'bf16', 'distill', 'dynamic', 'mixed', 'prune', 'qat', 'static'",
        ],
    ),
    ("recipes", ["static"], ["recipes[0]", "expected a mapping with 'method'"]),
    (
        "recipes",
        [{"method": "static", "per_chanel": 1}],
        ["recipes[0].per_chanel: unknown field", "'per_channel'"],
    ),
    (
        "recipes",
        [{"method": "dynamic"}, {"method": "static", "calibrate_method": "kl"}],
        ["recipes[1].calibrate_method"],
    ),
    ("recipes", [{"method": "static"}, {"method": "static"}], ["recipes", "stands twice"]),
    ("pools", ["locla"], ["pools", "no 'locla'", "did you mean 'local'", "there are local"]),
    ("pools", [], ["pools", "at least 1"]),
    (
        "pools",
        [{"emulate": "x86-avx2"}],
        ["pools", "never satisfies a required pool", "[local, {emulate: x86-avx2}]"],
    ),
    (
        "pools",
        ["local", {"emulate": "avx2"}],
        ["pools[1].emulate", "'x86-avx2', 'x86-avx512' or 'x86-vnni'", "'avx2'"],
    ),
    ("pools", ["local", {"emulates": "x86-avx2"}], ["pools[1].emulates", "did you mean 'emulate'"]),
    ("benchmark.layout", "4c1s", ["benchmark.layout", "'1s4c14ins1bs'", "'auto'"]),
    (
        "benchmark.layout",
        "1s4c9999ins1bs",
        ["benchmark.layout", "needs 9999 x 4 = 39996 cores", "this process may use"],
    ),
    ("benchmark.scenario", "arrival_rate", ["benchmark", "arrival_rate and rate come together"]),
    (
        "tracking.uri",
        "http://me:hunter2@host",
        ["tracking.uri", "no user or password", "MLFLOW_TRACKING_PASSWORD"],
    ),
    ("tracking.registered_model", "it's", ["tracking.registered_model"]),
    ("tracking.registered_model", "a/b", ["tracking.registered_model", "match"]),
    ("data.calibration.format", "parquet", ["data.calibration.format", "no 'parquet'", "images, npz, text"]),
    ("data.calibration.samples", "many", ["data.calibration.samples", "integer", "'many'"]),
    (
        "data.calibration.path",
        "calib.parquet",
        ["data.calibration", "calib.parquet", ".npz, .tsv, .csv or folder"],
    ),
    ("data.calibration.path", "none.npz", ["data.calibration", "none.npz", "No such file"]),
]


@pytest.mark.parametrize(("field", "value", "holds"), FIELDS)
def test_field(refused, work, field, value, holds):
    work.set(field, value)
    refused("run", work.job, "--json", holds=holds)


@pytest.mark.parametrize("field", ["version", "name", "model", "data", "recipes", "data.validation"])
def test_required_field(refused, work, field):
    work.unset(field)
    refused("run", work.job, holds=(f"{field}: required field is missing",))


def test_a_job_needs_a_metric(refused, work):
    work.unset("metric")
    refused("run", work.job, holds=("job: give either 'metric', or several as 'metrics'",))


def test_static_recipe_without_calibration(refused, work):
    work.unset("data.calibration")
    refused("run", work.job, holds=("data.calibration", "static recipe needs it", "a method that needs none"))
