"""Every command on the digits example."""

import hashlib
import json
import re

import pytest
import yaml

import inc_mlflow
from inc_mlflow.registry.metrics import METRICS

COMMANDS = [
    "run",
    "ui",
    "list",
    "schema",
    "report",
    "catalog",
    "import",
    "calibrate",
    "quantize",
    "evaluate",
    "benchmark",
    "probe",
]
COMMANDS += [
    "search",
    "saturation",
    "gate",
    "promote",
    "best",
    "export",
    "history",
    "rollback",
    "unblock",
    "freeze",
]
COMMANDS += ["unfreeze", "verify", "approve", "reject", "compile", "submit", "wait", "pools"]
RECIPES = [
    {"method": "static"},
    {"method": "static", "quant_format": "QOperator"},
    {"method": "static", "per_channel": False, "reduce_range": True, "op_types_to_quantize": ["Conv"]},
    {"method": "dynamic"},
]


def digest(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_version(call):
    assert call("--version") == (0, f"inc-mlflow {inc_mlflow.__version__}\n", "")


def test_help_lists_every_command_in_panels(call):
    code, out, err = call("--help")
    assert (code, err) == (0, "")
    assert re.findall(r"^  ([a-z]+) {2,}[A-Z]", out, re.MULTILINE) == COMMANDS
    assert re.findall(r"^([A-Z]\w+):$", out, re.MULTILINE) == [
        "Options",
        "Start",
        "Steps",
        "Promote",
        "Cluster",
    ]


def test_no_arguments_show_the_help(call):
    code, out, err = call()
    assert code in {0, 2}
    assert "Start:" in out + err
    assert "\n  run " in out + err


@pytest.mark.parametrize("command", COMMANDS)
def test_help_of_a_command(call, command):
    code, out, err = call(command, "--help")
    assert (code, err) == (0, "")
    usage, *text = [line for line in out.splitlines() if line.strip()]
    assert re.match(
        rf"Usage: .*inc-mlflow {command} ", usage
    )  # the runner's own name comes first in its process
    assert any(re.match(r"  [A-Z].+", line) for line in text)
    assert "--help" in out


def test_import(answer, work):
    out = work.folder / "deep" / "out"
    result = answer("import", work.folder / "fp32.onnx", "-o", out, "--data", work.folder / "dev.npz")
    assert result["model"] == str(out / "model.onnx")
    assert result["model_sha256"] == digest(out / "model.onnx")
    assert result["source_sha256"] == digest(work.folder / "fp32.onnx")
    assert result["opset"] >= 17
    assert result["rows_compared"] > 0
    assert result["largest_difference"] < 1e-3
    assert result["source_error"] is None
    assert answer("import", out / "model.onnx", "-o", work.folder / "again")["model_sha256"]


def test_import_twice_gives_the_same_bytes(answer, work):
    results = [answer("import", work.folder / "fp32.onnx", "-o", work.folder / name) for name in "ab"]
    assert results[0]["model_sha256"] == results[1]["model_sha256"]


def test_people_get_lines(call, work):
    code, out, err = call("import", work.folder / "fp32.onnx", "-o", work.folder / "out")
    assert (code, err) == (0, "")
    assert {line.partition(": ")[0] for line in out.splitlines()} >= {"model", "model_sha256", "opset"}


@pytest.mark.parametrize("batch", [1, 7, 64])
@pytest.mark.parametrize("shards", [2, 3])
def test_shards_merge_to_one_pass(answer, work, batch, shards):
    work.set("data.calibration.batch", batch)
    whole = answer("calibrate", work.job, "-o", work.folder / "whole.json")
    options, rows = [], 0
    for number in range(1, shards + 1):
        path = work.folder / f"{number}.json"
        part = answer("calibrate", work.job, "--shard", f"{number}/{shards}", "-o", path)
        options = ["--ranges", path, *options]
        rows += part["rows"]
        assert part["tensors"] == whole["tensors"] > 0
    assert rows == whole["rows"] == 200
    recipe = ["--recipe", '{"method": "static"}']
    made = [
        answer("quantize", work.job, *recipe, *ranges, "-o", work.folder / "int8.onnx")["sha256"]
        for ranges in (options, ["--ranges", work.folder / "whole.json"], [])
    ]
    assert len(set(made)) == 1


@pytest.mark.parametrize("recipe", RECIPES, ids=str)
def test_quantize_twice_gives_the_same_bytes(answer, work, recipe):
    work.set("data.calibration.samples", 20)
    results = [
        answer("quantize", work.job, "--recipe", json.dumps(recipe), "-o", work.folder / name / "int8.onnx")
        for name in "ab"
    ]
    assert results[0]["sha256"] == results[1]["sha256"] == digest(work.folder / "a" / "int8.onnx")
    assert results[0]["size_bytes"] == (work.folder / "a" / "int8.onnx").stat().st_size < 200_000


@pytest.mark.parametrize(("split", "rows"), [("validation", 500), ("tuning", 997)])
def test_evaluate(answer, work, split, rows):
    result = answer("evaluate", work.job, "--model", work.folder / "fp32.onnx", "--split", split)
    assert list(result) == ["metric", "value", "n", "model_sha256", "data_sha256", "seconds"]
    assert (result["metric"], result["n"]) == ("top1", rows)
    assert 0.9 < result["value"] <= 1
    assert result["model_sha256"] == digest(work.folder / "fp32.onnx")
    assert result["seconds"] > 0


@pytest.mark.slow
def test_benchmark(answer, work):
    models = ["--baseline", work.folder / "fp32.onnx", "--candidate", work.folder / "fp32.onnx"]
    result = answer("benchmark", work.job, *models)
    assert list(result) == [
        "valid",
        "reasons",
        "layout",
        "speedup",
        "baseline",
        "candidate",
        "clock",
        "conditions",
    ]
    speed = [
        "samples_per_second",
        "p50_ms",
        "p90_ms",
        "p99_ms",
        "p99_9_ms",
        "peak_rss_bytes",
        "instance_rss_bytes",
        "size_bytes",
    ]
    assert list(result["baseline"]) == list(result["candidate"]) == speed
    assert all(
        value > 0
        for key, value in (result["baseline"] | result["candidate"]).items()
        if key != "instance_rss_bytes"
    )
    assert result["baseline"]["instance_rss_bytes"] == [result["baseline"]["peak_rss_bytes"]]
    assert result["conditions"]["plan"]["layout"] == result["layout"]
    assert result["conditions"]["rounds"] is None
    assert result["layout"] == "1s1c1ins1bs"
    assert result["speedup"]["low"] <= result["speedup"]["value"] <= result["speedup"]["high"]


def test_compile(run_program, work):
    packages = [work.folder / "a.yaml", work.folder / "deep" / "b.yaml"]
    for package in packages:
        ended = run_program("compile", work.job, "--pipeline", "int8", "-o", package, "--json")
        assert ended.returncode == 0, ended.stderr
        assert json.loads(ended.stdout) == {"package": str(package), "pipeline": "int8"}
    text = packages[0].read_text()
    assert packages[1].read_text() == text
    assert "pip install" not in text
    assert str(work.folder) not in text
    names = {name for part in yaml.safe_load_all(text) for name in part.get("components", {})}
    assert names >= {
        "comp-import-model",
        "comp-calibrate",
        "comp-quantize",
        "comp-evaluate",
        "comp-benchmark",
        "comp-gate",
    }


NAMES = {
    "engines": ["onnxruntime", "openvino", "parts"],
    "methods": ["chain", "distill", "dynamic", "mixed", "prune", "qat", "static", "bf16", "per_part"],
    "metrics": list(METRICS),
    "postprocess": ["argmax", "ctc", "decode", "duc", "mask_rcnn", "nms", "squad_span", "ssd", "yolo"],
    "datasets": ["images", "npz", "text"],
    "pools": [
        "local",
        "intel",
        "amd",
        "amd-vnni",
        "arm",
        "a100",
        "{emulate: x86-avx2}",
        "{emulate: x86-avx512}",
        "{emulate: x86-vnni}",
    ],
}


@pytest.mark.parametrize("what", NAMES)
def test_list(answer, call, what):
    result = answer("list", what)
    assert list(result) == NAMES[what]
    assert all(result.values())
    if what == "metrics":
        assert result["perplexity"].endswith("(perplexity, lower is better, whole split)")
        assert result["top1"].endswith("(share, higher is better, per sample)")
    assert call("list", what)[1].splitlines() == [f"{name}: {summary}" for name, summary in result.items()]


def test_schema(call):
    code, out, err = call("schema")
    assert (code, err) == (0, "")
    schema = json.loads(out)
    assert schema["type"] == "object"
    assert schema["additionalProperties"] is False
    assert {"version", "name", "model", "data", "metric", "recipes", "pools", "gate", "tracking"} <= set(
        schema["properties"]
    )
    assert {"version", "name", "model", "data", "recipes"} == set(schema["required"])
    assert schema["oneOf"] == [{"required": ["metric"]}, {"required": ["metrics"]}]


def test_a_benchmark_shows_a_person_a_ratio_and_a_row_per_model(call, work):
    code, out, err = call(
        "benchmark",
        work.job,
        "--baseline",
        work.folder / "fp32.onnx",
        "--candidate",
        work.folder / "fp32.onnx",
    )
    assert code == 0
    first, head, *rows = out.splitlines()
    assert re.match(r"\d\.\d\dx as fast \[\d\.\d\dx, \d\.\d\dx\]: 1s1c1ins1bs, process CPU time", first)
    assert head.split()[:2] == ["model", "samples/s"]
    beside = [row for row in rows if row.startswith("others used ")]  # told on a busy machine only
    assert [row.split()[0] for row in rows if row not in beside] == ["baseline", "candidate"]
    assert err.startswith("layout 1s1c1ins1bs on CPUs ")


def test_a_person_is_told_of_neighbours_that_make_the_bounds_wider():
    from inc_mlflow.reports.benchmark import busy_cache_note

    wider = "of the CPUs that share a cache with the models: the bounds are wider for it"
    assert busy_cache_note(None) is None
    assert busy_cache_note((0.02, 0.01)) is None
    assert busy_cache_note((0.5, 0.3)) == f"others used 40 % {wider}"
    assert busy_cache_note((0.02, None)) == f"others used an unknown share {wider}"


def test_an_invalid_benchmark_shows_a_person_why(capsys):
    from inc_mlflow.reports.benchmark import print_benchmark

    print_benchmark(
        {"valid": False, "layout": "1s1c2ins1bs", "clock": "wall time", "reasons": ["in 41 of 41 rounds [x]"]}
    )
    assert capsys.readouterr().out.splitlines() == [
        "invalid: 1s1c2ins1bs, wall time; no number can be given",
        "  in 41 of 41 rounds [x]",
    ]
