"""TrainJobs: a pool for their pods, what the documentation shows of one, and what the API would refuse."""

import json
import re
from typing import Any

import jsonschema
import yaml

from tests.support.paths import ROOT
from tests.support.strict_schema import strict

POOL = {
    "selector": {"cloud.google.com/gke-nodepool": "intel"},
    "required": [{"key": "cloud.google.com/machine-family", "operator": "In", "values": ["n2"]}],
    "tolerations": [{"key": "inc-mlflow/pool", "value": "intel"}],
    "cpu": 4,
    "memory": "16Gi",
}


def documented(name: str, place: str) -> dict[str, Any]:
    """The object that the documentation shows, with this name and address."""
    page = (ROOT / "docs" / "training-jobs.md").read_text()
    shown = yaml.safe_load(re.search(r"```yaml\n(apiVersion: trainer.*?)```", page, re.DOTALL)[1])
    shown["metadata"]["name"], shown["spec"]["trainer"]["command"][-1] = name, place
    return shown


def refused(kind: str, one: dict[str, Any]) -> list[str]:
    """What the API would refuse, or drop because it does not know it."""
    schema = json.loads((ROOT / "tests" / "support" / "trainer_api" / f"{kind}.json").read_text())
    found = jsonschema.Draft202012Validator(strict(schema)).iter_errors(one)
    return [f"{error.json_path}: {error.message}" for error in found]
