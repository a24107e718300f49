"""A job that cannot be is refused in one line that names the field and what is allowed."""

import pytest

from inc_mlflow.errors import SpecError
from inc_mlflow.spec import Job, JobSpec
from tests.support.job_texts import GONE, changed, read

WRONG = [
    (
        "modle",
        "x",
        "modle: unknown field, did you mean 'model'?; allowed are benchmark, bundle, data, engines, gate, "
        "metric, metrics, model, name, placement, pools, recipes, search, tracking, training, version",
    ),
    (
        "data.calibration.sampels",
        3,
        "data.calibration.sampels: unknown field, did you mean 'samples'?; allowed are batch, format, "
        "inputs, label, path, samples, seed, start, stop, transform",
    ),
    (
        "gate.zzz",
        3,
        "gate.zzz: unknown field; allowed are allow, confidence, max_absolute_drop, max_class_drop, "
        "max_pool_spread, max_relative_drop, min_speedup, pools",
    ),
    (
        "recipes.1.quant_format",
        "QDQ",
        "recipes[1].quant_format: unknown field; allowed are engine, method, nodes_to_exclude, "
        "op_types_to_quantize, per_channel, reduce_range, weight_type",
    ),
    (
        "data.validation",
        {"callable": "a.py:f", "path": "x"},
        "data.validation.path: unknown field; allowed are callable",
    ),
    ("name", 3, "name: expected a valid string, got 3"),
    ("gate.min_speedup", "fast", "gate.min_speedup: expected a valid number, got 'fast'"),
    ("gate.max_relative_drop", float("nan"), "gate.max_relative_drop: expected a finite number, got nan"),
    ("gate.max_relative_drop", 1.0, "gate.max_relative_drop: expected less than 1, got 1.0"),
    ("gate.max_absolute_drop", -0.1, "gate.max_absolute_drop: expected greater than or equal to 0, got -0.1"),
    (
        "gate.pools",
        {"a100": {"role": "optional"}},
        "gate.pools.a100.role: expected 'required', 'accuracy_only' or 'informative', got 'optional'",
    ),
    ("gate.confidence", 0.5, "gate.confidence: expected greater than 0.5, got 0.5"),
    ("data.validation.samples", 1.5, "data.validation.samples: expected a valid integer, got 1.5"),
    ("data.validation.samples", True, "data.validation.samples: expected a valid integer, got True"),
    ("data.validation.samples", 0, "data.validation.samples: expected greater than or equal to 1, got 0"),
    ("pools", "local", "pools: expected a list, got 'local'"),
    (
        "recipes.0.op_types_to_quantize",
        "Conv",
        "recipes[0].op_types_to_quantize: expected a list, got 'Conv'",
    ),
    ("version", 2, "version: expected 1, got 2"),
    ("model", GONE, "model: required field is missing"),
    ("version", GONE, "version: required field is missing"),
    ("data.validation", GONE, "data.validation: required field is missing"),
    ("data.validation.path", GONE, "data.validation.path: required field is missing"),
    (
        "recipes.0.method",
        "statik",
        "recipes[0]: no method 'statik', did you mean 'static'?; there are 'bf16', 'distill', 'dynamic', 'mixed', 'prune', 'qat', 'static'",
    ),
    (
        "recipes",
        [{"method": "x"}],
        "recipes[0]: no method 'x'; there are 'bf16', 'distill', 'dynamic', 'mixed', 'prune', 'qat', 'static'",
    ),
    (
        "recipes.0",
        {"per_channel": True},
        "recipes[0]: the field 'method' is missing; it is one of 'bf16', 'distill', 'dynamic', 'mixed', 'prune', 'qat', 'static'",
    ),
    (
        "recipes.0",
        "static",
        "recipes[0]: expected a mapping with 'method', got 'static'; 'method' is one of 'bf16', 'distill', 'dynamic', 'mixed', 'prune', 'qat', 'static'",
    ),
    ("recipes", {"method": "static"}, "recipes: expected a list, got {'method': 'static'}"),
    ("recipes", "auto", "job: data.tuning: recipes: auto needs it; give the split, or list recipes"),
    ("recipes", "best", "recipes: expected 'auto', got 'best'"),
    ("search", {"pools": ["intel"]}, "job: search.pools: 'intel' is not a pool of the job; it has local"),
    ("search", {"budget": 0}, "search.budget: expected greater than 0, got 0"),
    ("recipes.1", {"method": "static"}, "job: recipes: 'static u8s8 per-channel' stands twice"),
    (
        "recipes.0.calibrate_method",
        "kl",
        "recipes[0].calibrate_method: expected 'minmax', 'percentile', 'entropy' or 'mse', got 'kl'",
    ),
    (
        "recipes.0",
        {"method": "static", "activation_type": "QInt8", "weight_type": "QUInt8"},
        "recipes[0]: activation_type QInt8 with weight_type QUInt8 has no kernel; use weight_type QInt8",
    ),
    (
        "data.calibration",
        GONE,
        "job: data.calibration: a static recipe needs it; give the split, or use a method that needs none",
    ),
    ("metric", {}, "metric: give either 'name' or 'callable'"),
    ("metric", {"name": "top1", "callable": "a.py:f"}, "metric: give either 'name' or 'callable'"),
    (
        "metric",
        {"name": "top1", "decomposable": True},
        "metric: 'higher_is_better', 'decomposable' and 'range' are for callables; a named metric knows its"
        " own",
    ),
    (
        "metric",
        {"callable": "a.py:f", "output": "x"},
        "metric: 'output', 'outputs', 'options' and 'postprocess' are for named metrics; a callable gets "
        "all outputs",
    ),
    (
        "benchmark.layout",
        "1s0c",
        "benchmark.layout: '1s0c' asks for none of something; every number is at least 1",
    ),
    (
        "benchmark.layout",
        "fast",
        "benchmark.layout: 'fast' is not like '1s4c14ins1bs' (sockets, cores per instance, instances, batch"
        " size), a part of it in this order, or 'auto'",
    ),
    (
        "benchmark",
        {"scenario": "arrival_rate"},
        "benchmark: scenario arrival_rate and rate come together; scenario throughput has no rate",
    ),
    (
        "benchmark",
        {"rate": 50},
        "benchmark: scenario arrival_rate and rate come together; scenario throughput has no rate",
    ),
    ("benchmark", {"scenario": "arrival_rate", "rate": 0}, "benchmark.rate: expected greater than 0, got 0"),
    ("benchmark.scenario", "fast", "benchmark.scenario: expected 'throughput' or 'arrival_rate', got 'fast'"),
    (
        "data.validation",
        {"path": "a", "start": 5, "stop": 5},
        "data.validation: stop (5) must be above start (5)",
    ),
    (
        "data.validation",
        {"path": "images", "transform": {"mean": [0.5]}},
        "data.validation.transform: mean and std come together",
    ),
    (
        "data.validation",
        {"path": "images", "transform": {"mean": [0.5], "std": [0.0]}},
        "data.validation.transform: std must be above 0",
    ),
    (
        "data.validation",
        {"path": "images", "transform": {"tokenizer": "t.json"}},
        "data.validation.transform.tokenizer: unknown field; allowed are color, crop, layout, mean, resize,"
        " std",
    ),
    (
        "data.validation",
        {"path": "a.tsv", "transform": {"column": 1}},
        "data.validation.transform.column: unknown field, did you mean 'columns'?; allowed are columns, "
        "max_length, tokenizer",
    ),
    (
        "data.validation.transform",
        {"resize": 8},
        "data.validation.transform: the format npz has no options; leave it out",
    ),
    (
        "data.validation",
        {"path": "images", "transform": 8},
        "data.validation.transform: expected a mapping, got 8",
    ),
    (
        "data.validation.format",
        "npy",
        "data.validation.format: no 'npy', did you mean 'npz'?; there are images, npz, text",
    ),
    ("metric", "top11", "metric.name: no 'top11', did you mean 'top1'?; there are agreement"),
    ("metric", {"name": ["top1"]}, "metric.name: expected a valid string, got ['top1']"),
    (
        "metric",
        {"name": "top1", "postprocess": "nsm"},
        "metric.postprocess: no 'nsm', did you mean 'nms'?; there are argmax",
    ),
    (
        "metric",
        {"name": "top1", "postprocess": {"axis": 1}},
        "metric.postprocess: give its name, as {name: nms, iou_threshold: 0.5}",
    ),
    (
        "tracking.uri",
        "https://me:secret@host/x",
        "tracking.uri: no user or password in a job; set MLFLOW_TRACKING_USERNAME and "
        "MLFLOW_TRACKING_PASSWORD",
    ),
    (
        "tracking.registry_uri",
        "postgresql://me@host/x",
        "tracking.registry_uri: no user or password in a job; set MLFLOW_TRACKING_USERNAME and "
        "MLFLOW_TRACKING_PASSWORD",
    ),
    (
        "model",
        "m.pt",
        "model.torch: m.pt: the file holds weights at best, and a pickled module may run code, which is not "
        "done; give a function that builds the module, and its weights: {torch: model.py:build, weights: "
        "w.safetensors}",
    ),
    (
        "model",
        "m.pbtxt",
        "model: 'm.pbtxt' is not an .onnx file; give one, or a model of a kind that `list sources` names",
    ),
]


@pytest.mark.parametrize(
    ("path", "value", "message"), WRONG, ids=[f"{n}-{path}" for n, (path, *_) in enumerate(WRONG)]
)
def test_a_wrong_job_is_one_line_that_names_the_field(path, value, message):
    with pytest.raises(SpecError) as raised:
        read(changed(path, value))
    assert str(raised.value).partition(", auroc")[0].partition(", ctc")[0] == message


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "a: [",
            "job: not YAML: while parsing a flow node expected the node content, but found '<stream end>'",
        ),
        ("- 1", "job: expected a mapping of fields, got list; see `inc-mlflow schema`"),
        ("", "job: expected a mapping of fields, got NoneType; see `inc-mlflow schema`"),
        ("text", "job: expected a mapping of fields, got str; see `inc-mlflow schema`"),
    ],
)
def test_what_is_no_mapping_is_refused_in_one_line(text, message):
    with pytest.raises(SpecError) as raised:
        JobSpec.from_text(text)
    assert str(raised.value).startswith(message)
    assert "\n" not in str(raised.value)


def test_of_several_complaints_the_first_is_told_and_the_others_are_counted():
    with pytest.raises(SpecError, match=r" \(and 1 more\)$"):
        read(changed("gate", {"min_speedup": 0, "confidence": 2}))


@pytest.mark.parametrize(
    ("content", "says"),
    [(None, "cannot be read"), (b"\xff\xfe\x00", "is not text"), (b"a: [", "job: not YAML")],
)
def test_a_job_file_that_cannot_be_read_is_named(tmp_path, content, says):
    file = tmp_path / "job.yaml"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(SpecError) as raised:
        Job.load(file)
    assert str(raised.value).startswith(f"{file}: ")
    assert says in str(raised.value)
