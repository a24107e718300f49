"""What a stage brought, in words."""

from collections.abc import Iterator

from inc_mlflow.formatting import percent
from inc_mlflow.records import DistillationFacts, PruningFacts, StageFacts


def stage_notes(facts: StageFacts) -> Iterator[str]:
    """Yield one line each of what a user should know of a stage's model."""
    if facts.pruning is not None:
        yield _of_pruning(facts.label, facts.pruning)
    if facts.distillation is not None:
        yield _of_distillation(facts, facts.distillation)


def _of_pruning(label: str, pruning: PruningFacts) -> str:
    smaller = f"packed, its weights have {percent(pruning.compressed)} of the dense ones' size"
    if pruning.parameters_after < pruning.parameters_before:
        left = pruning.parameters_after / pruning.parameters_before
        return f"{label}: {percent(left)} of the parameters are left; {smaller}"
    return (
        f"{label}: {percent(pruning.sparsity)} of the weights of {len(pruning.layers)} layers are "
        f"zero, counted in the exported file; {smaller}; zeros are no faster on CPUs"
    )


def _of_distillation(facts: StageFacts, found: DistillationFacts) -> str:
    chosen = facts.training.points[facts.training.chosen]
    size = found.parameters_of_student / found.parameters_of_teacher
    kept = "" if chosen.epoch else "; no epoch was better than its start"
    return (
        f"{facts.label}: the student has {percent(size)} of the teacher's parameters; on tuning it scores "
        f"{chosen.score:.4g}, the teacher {found.score_of_teacher:.4g} (higher is better){kept}"
    )
