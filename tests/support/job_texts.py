"""A small job as plain data, changed in one place."""

import copy
from typing import Any

import yaml

from inc_mlflow.spec import JobSpec

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
