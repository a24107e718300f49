"""A whole job of both engines: one table, one run per candidate, and what says which engine ran what."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from tests.support.paths import EXAMPLE

pytestmark = pytest.mark.slow
PROGRAM = Path(sys.executable).with_name("inc-mlflow")
RECIPES = [{"method": "static", "engine": "openvino"}, {"method": "static"}, {"method": "bf16"}]


def best(engine, folder):
    command = [PROGRAM, "best", "job.yaml", "--engine", engine, "--json"]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


def test_both_engines_stand_in_one_table(call, tmp_path, monkeypatch):
    for name in ("fp32.onnx", "calib.npz", "dev.npz"):
        shutil.copyfile(EXAMPLE / name, tmp_path / name)
    data = {"calibration": {"path": "calib.npz", "samples": 32}, "validation": {"path": "dev.npz"}}
    spec = {"version": 1, "name": "digits", "model": "fp32.onnx", "engines": ["onnxruntime", "openvino"]}
    spec |= {"data": data, "metric": "top1", "recipes": RECIPES}
    (tmp_path / "job.yaml").write_text(yaml.safe_dump(spec))
    monkeypatch.chdir(tmp_path)
    code, out, _ = call("run", "job.yaml", "--json")
    assert code in {0, 3, 4}
    result = json.loads(out)
    rows = {row["recipe"]: row for row in result["table"]}
    assert {name: row["engine"] for name, row in rows.items()} == {
        "baseline": "onnxruntime",
        "baseline openvino": "openvino",
        "static u8s8 per-channel": "onnxruntime",
        "static u8s8 per-channel on openvino": "openvino",
        "bf16": "openvino",
    }
    fastest = [row for row in result["table"][:2] if row["speedup"]["value"] == 1]
    assert len(fastest) == 1, "both baselines are measured, and the faster one is what counts"
    assert rows["bf16"]["verdict"] == "fail"
    assert rows["bf16"]["reasons"][0].startswith(("computes in bf16", "recipe 'bf16': computes in bf16"))
    folder = next((tmp_path / ".inc-mlflow").glob("*/evaluation"))
    evidence = json.loads((folder / "record.json").read_text())["evidence"]
    assert evidence["precisions"] == {"bf16": "bf16"}
    assert evidence["host"]["runtime"]["openvino"]
    record = json.loads((folder.with_name("benchmark") / "record.json").read_text())
    assert record["conditions"]["other_settings"]["openvino"]["INFERENCE_NUM_THREADS"] == 1
    own = {name: row["engine_speedup"] for name, row in rows.items()}
    assert (own["baseline"], own["baseline openvino"]) == (None, None)
    slowest = min(rows["baseline"]["speedup"]["value"], rows["baseline openvino"]["speedup"]["value"])
    for name in ("static u8s8 per-channel", "static u8s8 per-channel on openvino"):
        ratio = own[name]["value"] / rows[name]["speedup"]["value"]
        assert ratio == pytest.approx(1) or ratio == pytest.approx(1 / slowest, rel=0.05), name
    assert own["static u8s8 per-channel"]["low"] < own["static u8s8 per-channel"]["value"]
    code, out, _ = call("run", "job.yaml")
    assert "vs own engine" in out.splitlines()[0]
    shown = best("openvino", tmp_path)
    assert {row["engine"] for row in json.loads(shown.stdout)["rows"]} == {"openvino"}
    refused = best("litert", tmp_path)
    there = "there are some of onnxruntime, openvino"
    assert refused.returncode == 2
    assert refused.stderr == f"inc-mlflow: --engine: no candidate of 'litert'; {there}\n"
