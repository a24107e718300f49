"""Jobs, policies and records: good ones, how they are damaged, and what reads them."""

import json
from pathlib import Path
from random import Random

import yaml

from inc_mlflow.measure.gate.power import split_power, split_power_at_best
from inc_mlflow.records import ImportedBaseline, ImportRecord
from inc_mlflow.spec import JobSpec
from inc_mlflow.spec.policy import PolicySpec
from tests.fuzz.mutation import damaged, damaged_json, rewritten
from tests.fuzz.target import Target


def _damaged_yaml(random: Random, content: bytes) -> bytes:
    if random.random() < 0.3:
        return damaged(random, content)
    changed = rewritten(random, yaml.safe_load(content))
    if random.random() < 0.5:
        return json.dumps(changed).encode()
    try:
        return yaml.safe_dump(changed, allow_unicode=random.random() < 0.5).encode("utf-8", "surrogatepass")
    except yaml.YAMLError:
        return json.dumps(changed).encode()


JOB = {
    "version": 1,
    "name": "digits",
    "model": "fp32.onnx",
    "data": {
        "calibration": {"path": "c.npz", "samples": 100, "seed": 3, "batch": 2, "start": 1, "stop": 200},
        "tuning": {"callable": "data.py:f"},
        "validation": {
            "path": "images",
            "inputs": {"image": "x"},
            "transform": {
                "resize": 32,
                "crop": 28,
                "mean": [0.5],
                "std": [0.5],
                "layout": "NHWC",
                "color": "L",
            },
        },
    },
    "metric": {"name": "top1", "output": "logits", "options": {"k": 1}},
    "recipes": [{"method": "static", "smooth_quant": 0.5, "nodes_to_exclude": ["a"]}, {"method": "dynamic"}],
    "search": {"budget": 60.0},
    "pools": ["local", {"emulate": "x86-avx2"}],
    "benchmark": {"layout": "1s1c1ins1bs", "scenario": "arrival_rate", "rate": 20.0},
    "gate": {
        "max_relative_drop": 0.01,
        "max_absolute_drop": 0.1,
        "min_speedup": 1.0,
        "confidence": 0.95,
        "max_class_drop": 0.05,
    },
    "tracking": {"experiment": "e", "registered_model": "r", "uri": "sqlite:///x.db"},
}
POLICY = {
    "version": 1,
    "max_relative_drop": 0.01,
    "confidence": 0.9,
    "recheck": 8,
    "data": "own",
    "approval": True,
    "ledgers": {"r": "1"},
}


def _read_job(folder: Path) -> None:
    spec = JobSpec.load(folder / "job.yaml")
    assert JobSpec.from_text(spec.to_text().encode().decode()).to_text() == spec.to_text()
    split_power(200, spec.gate, 2)  # what a gate asks for is computed with before any work
    split_power_at_best(200, spec.gate, 2)


def _records() -> list[bytes]:
    record = ImportRecord(
        source_sha256="5" * 64,
        source_bytes=9,
        source_error=None,
        rows_compared=8,
        baselines=(
            ImportedBaseline(
                engine="onnxruntime",
                model_sha256="6" * 64,
                model_bytes=9,
                facts={"opset": 17},
                largest_difference=1e-6,
            ),
        ),
    )
    return [record.model_dump_json(indent=1).encode()]


TEXT_FILES = {
    "job": Target("job.yaml", lambda: [yaml.safe_dump(JOB).encode()], _damaged_yaml, _read_job),
    "policy": Target(
        "policy.yaml",
        lambda: [yaml.safe_dump(POLICY).encode()],
        _damaged_yaml,
        lambda f: PolicySpec.load(f / "policy.yaml"),
    ),
    "record": Target("record.json", _records, damaged_json, lambda folder: ImportRecord.load(folder)),
}
