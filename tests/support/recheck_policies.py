"""Gates that run rows again: their policies, and the check itself."""

import yaml

from inc_mlflow.promotion.gate_data import find_gate_data, sort_errors
from inc_mlflow.promotion.review import Policy
from inc_mlflow.promotion.spot_check import spot_check

ALL = 500
"""Rows of the validation split."""


def policy(folder, data, rows=ALL, **limits) -> Policy:
    file = folder / "policy.yaml"
    file.write_text(yaml.safe_dump({"version": 1, "recheck": rows, "data": str(data), **limits}))
    return Policy.load(file)


def within(job, policy):
    """Return the job with the gate's data in place of its own."""
    with sort_errors():
        return find_gate_data(job, policy.spec.data).apply_to(job)


def check(measured, pools, models, gate, spec=None):
    best = measured.judgement.best().recipe
    spot_check(within(spec or measured.job.spec, gate), gate.spec, pools, best, models)
