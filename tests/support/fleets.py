"""Fleets of nodes, and what is wrong with packages on them."""

import yaml

from inc_mlflow.pipelines.scheduling.fleet import Fleet
from inc_mlflow.pipelines.scheduling.package import tasks_of
from inc_mlflow.pipelines.scheduling.proof import prove
from tests.support.paths import ROOT

FLEETS = ROOT / "examples" / "fleets"


def fleet_file(preset):
    return str(FLEETS / f"{preset}.yaml")


def wrong(package, fleet):
    """Return what is wrong, per pool."""
    proof = prove(
        tasks_of(package), fleet if isinstance(fleet, Fleet) else Fleet.load(FLEETS / f"{fleet}.yaml")
    )
    found = {}
    for placed in proof:
        if placed.wrong:
            found[placed.task.pool] = (*found.get(placed.task.pool, ()), *placed.wrong)
    return found


def fleet_with(preset, change):
    """Return a preset's fleet whose nodes ``change`` may change."""
    raw = yaml.safe_load((FLEETS / f"{preset}.yaml").read_text())
    for node in raw["nodes"]:
        change(node)
    return Fleet.model_validate(raw)
