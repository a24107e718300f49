"""What recipes begin with: the baselines of the job's source, or the model of a stage, and its statistics."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from inc_mlflow.records import ImportRecord
from inc_mlflow.steps.baselines import Baseline, load_baselines

STAGE_RANGES = "ranges"
"""Folder of a stage with the statistics that its recipes need."""


@dataclass(frozen=True)
class Beginning:
    """Models by engine, and the folder with their statistics."""

    baselines: dict[str, Baseline]
    ranges: Path
    zeros: int = 0
    """How many weights the stage has made zero, by its record."""


def beginnings(baseline: Path, ranges: Path, stages: Sequence[Path]) -> dict[int, Beginning]:
    """Return what recipes begin with, by the number of the stage; 0 is the job's source."""
    found = {0: Beginning(load_baselines(baseline), ranges)}
    for folder in stages:
        facts = ImportRecord.load(folder).stage
        if facts is None:
            raise TypeError(f"{folder}: the import of a source, not a stage")
        zeros = facts.pruning.zeros if facts.pruning else 0
        found[facts.number] = Beginning(load_baselines(folder), folder / STAGE_RANGES, zeros)
    return found
