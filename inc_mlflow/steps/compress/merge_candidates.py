"""merge_candidates: join the candidates that the searches of several pools found."""

import shutil
from pathlib import Path

from inc_mlflow.errors import DataError
from inc_mlflow.files import writable
from inc_mlflow.records import Candidate, CandidatesRecord
from inc_mlflow.spec import Job
from inc_mlflow.steps.compress.quantize import PICTURE
from inc_mlflow.steps.step import step


@step("candidates", CandidatesRecord)
def merge_candidates(job: Job, target: Path, *, found: list[Path]) -> CandidatesRecord:
    """Copy the candidates of all searches to the folders ``<n>``, those of the first pool first.

    Equal models count once. A search without candidates gives the recipes that it rejected. Raises DataError
    where the searches began with different baselines.
    """
    records = [CandidatesRecord.load(directory) for directory in found]
    if len({record.baseline_sha256 for record in records}) > 1:
        raise DataError("merge: the searches began with different baselines; run them again on one")
    merged: dict[str, Candidate] = {}
    for pool, directory, record in zip(job.spec.searching_pools, found, records, strict=True):
        for candidate in record.candidates:
            if candidate.sha256 not in merged:
                path = f"{len(merged) + 1}/{Path(candidate.path).name}"
                _copy((directory / candidate.path).parent, (target / path).parent)
                label = _distinct(candidate.label, pool, {other.label for other in merged.values()})
                merged[candidate.sha256] = candidate.model_copy(update={"path": path, "label": label})
        if (directory / PICTURE).exists():
            shutil.copyfile(directory / PICTURE, target / f"{Path(PICTURE).stem}-{pool}.svg")
    rejected = tuple(
        one.model_copy(update={"label": f"{one.label} ({pool})"})
        for pool, record in zip(job.spec.searching_pools, records, strict=True)
        for one in record.rejected
    )
    trials = tuple(trial for record in records for trial in record.trials)
    return CandidatesRecord(
        baseline_sha256=records[0].baseline_sha256,
        candidates=tuple(merged.values()),
        rejected=rejected,
        trials=trials,
        notes=tuple(
            f"on {pool}: {note}"
            for pool, record in zip(job.spec.searching_pools, records, strict=True)
            for note in record.notes
        ),
    )


def _copy(source: Path, target: Path) -> None:
    with writable(target):
        shutil.copytree(source, target)


def _distinct(label: str, pool: str, taken: set[str]) -> str:
    """Return a label of its own for a model whose recipe gave another model on other hardware."""
    return f"{label} ({pool})" if label in taken else label
