"""Small jobs: as plain data that a test changes in one place, and as a file beside its model and rows."""

import copy
from pathlib import Path
from typing import Any

import yaml

from inc_mlflow.spec import Job, JobSpec

GONE = object()
JOB: dict[str, Any] = {
    "version": 1,
    "name": "digits",
    "model": "fp32.onnx",
    "data": {"calibration": {"path": "calib.npz", "samples": 200}, "validation": {"path": "dev.npz"}},
    "metric": "top1",
    "recipes": [{"method": "static"}, {"method": "dynamic"}],
}


def changed(path: str, value: Any) -> dict[str, Any]:
    """JOB with one field set, or taken away; parts that are not there yet are made."""
    job = copy.deepcopy(JOB)
    part: Any = job
    *parents, last = (int(key) if key.isdigit() else key for key in path.split("."))
    for key in parents:
        part = part[key] if isinstance(key, int) else part.setdefault(key, {})
    if value is GONE:
        del part[last]
    else:
        part[last] = value
    return job


def read(job: Any) -> JobSpec:
    return JobSpec.from_text(yaml.safe_dump(job))


def rows_job(folder: Path, metric: str, gate: str = "") -> Job:
    """Write and load a job on the model.onnx and the rows.npz of a folder; texts are YAML."""
    (folder / "job.yaml").write_text(_ROWS_JOB.format(metric=metric, gate=gate))
    return Job.load(folder / "job.yaml")


_ROWS_JOB = """
version: 1
name: a
model: model.onnx
data: {{validation: {{path: rows.npz}}}}
metric: {metric}
recipes: [{{method: dynamic}}]
gate: {{{gate}}}
"""
