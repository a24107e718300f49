"""A wrong command line or job file: exit 2 and one line that says where, what is wrong and what is
allowed."""

import json

import pytest
import yaml

USAGE = [
    (["frobnicate"], ["No such command 'frobnicate'"]),
    (["run"], ["Missing argument 'JOB'"]),
    (["run", "JOB", "--frob"], ["No such option", "--frob"]),
    (["run", "JOB", "JOB"], ["unexpected extra argument"]),
    (["calibrate", "JOB"], ["Missing option", "-o"]),
    (["quantize", "JOB", "-o", "x.onnx"], ["Missing option", "--recipe"]),
    (["evaluate", "JOB"], ["Missing option", "--model"]),
    (["import"], ["Missing argument 'SRC'"]),
    (["compile", "JOB"], ["Missing option", "-o"]),
    (["list"], ["Missing argument"]),
    (["ui", "--port", "99999"], ["--port", "65535"]),
    (["ui", "--port", "http"], ["--port", "integer"]),
    (
        ["list", "metric"],
        ["no 'metric'", "did you mean 'metrics'", "methods, metrics, postprocess, datasets, pools"],
    ),
    (["compile", "JOB", "-o", "x.yaml", "--pipeline", "int4"], ["no 'int4'", "int8"]),
    (
        ["evaluate", "JOB", "--model", "fp32.onnx", "--split", "test"],
        ["data.test", "calibration, tuning, validation"],
    ),
    (["evaluate", "JOB", "--model", "none.onnx"], ["none.onnx", "cannot be read", "No such file"]),
    (
        ["benchmark", "JOB", "--baseline", "none.onnx", "--candidate", "fp32.onnx"],
        ["none.onnx", "cannot be read"],
    ),
    (["ui", "."], ["mlflow.db", "run a job"]),
]


@pytest.mark.parametrize(("arguments", "holds"), USAGE, ids=lambda value: " ".join(value[:4]))
def test_usage(refused, work, monkeypatch, arguments, holds):
    monkeypatch.chdir(work.folder)
    refused(*[str(work.job) if word == "JOB" else word for word in arguments], holds=holds)


@pytest.mark.parametrize("shard", ["0/2", "3/2", "1", "a/b", "1/0", "-1/2", "1/2/3", "", "1.0/2"])
def test_shard(refused, work, shard):
    refused(
        "calibrate",
        work.job,
        "--shard",
        shard,
        "-o",
        work.folder / "r",
        holds=("--shard", repr(shard), "1/4"),
    )


def test_more_shards_than_rows(refused, work):
    work.set("data.calibration.samples", 2)
    refused(
        "calibrate",
        work.job,
        "--shard",
        "3/3",
        "-o",
        work.folder / "r",
        holds=("data.calibration", "3 shards", "fewer shards"),
    )


RECIPES = [
    ("{method: static}", ["--recipe", "not JSON", '{"method": "static"}']),
    ("", ["--recipe", "not JSON"]),
    ("[]", ["recipe", "'method'", "'static'", "'dynamic'"]),
    ("null", ["recipe", "'method'"]),
    ('{"method": "statik"}', ["recipe", "no method 'statik'", "did you mean 'static'"]),
    (
        '{"method": "static", "per_chanel": true}',
        ["recipe", "per_chanel: unknown field", "did you mean 'per_channel'"],
    ),
    ('{"method": "static", "per_channel": "yes"}', ["recipe", "per_channel", "boolean"]),
    ('{"method": "static", "quant_format": "QQQ"}', ["recipe", "quant_format", "'QDQ' or 'QOperator'"]),
    (
        '{"method": "dynamic", "quant_format": "QDQ"}',
        ["recipe", "quant_format: unknown field", "weight_type"],
    ),
    (
        '{"method": "static", "activation_type": "QInt8", "weight_type": "QUInt8"}',
        ["no kernel", "weight_type QInt8"],
    ),
    (
        '{"method": "static", "op_types_to_quantize": ["Convv"]}',
        ["op_types_to_quantize", "'Convv'", "did you mean 'Conv'"],
    ),
    (
        '{"method": "dynamic", "op_types_to_quantize": ["Softmax"]}',
        ["op_types_to_quantize", "'Softmax'", "MatMul"],
    ),
    ('{"method": "static", "op_types_to_quantize": ["Gather"]}', ["nothing in this model", "another method"]),
    ('{"method": "static", "nodes_to_exclude": ["nope"]}', ["nodes_to_exclude", "no node 'nope'"]),
]


@pytest.mark.parametrize(("recipe", "holds"), RECIPES)
def test_recipe(refused, work, recipe, holds):
    work.set("data.calibration.samples", 2)
    out = work.folder / "int8.onnx"
    refused("quantize", work.job, "--recipe", recipe, "-o", out, holds=holds)
    assert not out.exists()


def test_job_file_missing(refused, work):
    refused(
        "run", work.folder / "jobb.yaml", holds=("jobb.yaml", "No such file", "give the path of a job file")
    )


def test_job_file_is_a_directory(refused, work):
    refused("run", work.folder, holds=(str(work.folder), "Is a directory", "give the path of a job file"))


CONTENTS = [
    (b"\x80\x04\x95\xff\xfe", ["is not text", "YAML"]),
    (b"version: 1\nname: [", ["not YAML"]),
    (b"a\x00b", ["not YAML"]),
    (b"when: 2024-13-45", ["not YAML"]),
    (b"", ["expected a mapping", "inc-mlflow schema"]),
    (b"- 1", ["expected a mapping"]),
    (b"digits", ["expected a mapping"]),
    (b"{}", ["version: required field is missing", "more"]),
]


@pytest.mark.parametrize(("content", "holds"), CONTENTS)
@pytest.mark.parametrize("command", ["run", "calibrate"])
def test_job_file_content(refused, work, command, content, holds):
    work.job.write_bytes(content)
    refused(
        command,
        work.job,
        *([] if command == "run" else ["-o", work.folder / "r"]),
        holds=[str(work.job), *holds],
    )


NO_TOOLS = [
    "emulation of x86-avx2: not available here: needs ",
    "a C compiler (cc, gcc or clang), objdump (binutils)",
]


def test_emulation_that_is_not_possible_is_refused_before_any_work(refused, work, monkeypatch):
    monkeypatch.setenv("PATH", str(work.folder))
    work.set("pools", ["local", {"emulate": "x86-avx2"}])
    refused("run", work.job, holds=NO_TOOLS)
    refused("evaluate", work.job, "--model", work.folder / "fp32.onnx", "--isa", "x86-avx2", holds=NO_TOOLS)


def test_a_cpu_that_is_not_there_is_refused(refused, work):
    holds = ["--isa: no 'x86-avx51'", "did you mean 'x86-avx512'", "there are x86-avx2, x86-avx512, x86-vnni"]
    refused("evaluate", work.job, "--model", work.folder / "fp32.onnx", "--isa", "x86-avx51", holds=holds)


def test_no_secret_in_the_message(call, work):
    work.set("tracking.uri", "http://me:hunter2@host")
    assert "hunter2" not in call("run", work.job)[2]


def test_unknown_operator_is_found_before_the_pipeline(refused, work):
    work.set("recipes", [{"method": "static", "op_types_to_quantize": ["Convv"]}])
    refused("run", work.job, holds=("op_types_to_quantize", "'Convv'", "did you mean 'Conv'"))


def test_a_job_in_json_is_read(answer, work):
    work.job.write_text(json.dumps(yaml.safe_load(work.job.read_text())))
    work.set("data.calibration.samples", 1)
    assert answer("calibrate", work.job, "-o", work.folder / "r")["rows"] == 1
