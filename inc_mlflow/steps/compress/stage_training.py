"""The training of one stage of a chain, in one process or in one of several that share it."""

from pathlib import Path

from inc_mlflow.records import ImportRecord, StageFacts
from inc_mlflow.registry.stages import stage_method
from inc_mlflow.spec import Job, SourceSpec
from inc_mlflow.spec.source import parse_source
from inc_mlflow.spec.stages import Stage
from inc_mlflow.steps.baselines import load_baselines
from inc_mlflow.steps.compress.training import stage_data

MODULE = "module"
"""Folder of a stage with the changed module."""


def train_stage(
    job: Job, stage: Stage, baseline: Path, previous: Path, checkpoints: Path, target: Path
) -> StageFacts:
    """Change the module that the stage ``previous`` left, or the source's own, and write it to ``target``.

    Raises ModelError where it cannot be changed so.
    """
    dense = next(iter(load_baselines(baseline).values()))
    data = stage_data(job, dense, _source(job, previous), checkpoints)
    return stage_method(stage.recipe).train(stage.recipe, data, target)


def _source(job: Job, previous: Path) -> SourceSpec:
    """Return what a stage begins with."""
    facts = ImportRecord.load(previous).stage
    if facts is not None:
        return parse_source(facts.source).changed((previous / MODULE).resolve())
    if not isinstance(job.spec.model, SourceSpec):
        raise TypeError("train: the job's model is no framework's")
    return job.spec.model
