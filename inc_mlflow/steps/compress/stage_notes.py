"""What a stage brought, in words."""

from collections.abc import Iterator

from inc_mlflow.formatting import percent
from inc_mlflow.records import StageFacts


def stage_notes(facts: StageFacts) -> Iterator[str]:
    """Yield one line each of what a user should know of a stage's model."""
    pruning = facts.pruning
    if pruning is None:
        return
    smaller = f"packed, its weights have {percent(pruning.compressed)} of the dense ones' size"
    if pruning.parameters_after < pruning.parameters_before:
        left = pruning.parameters_after / pruning.parameters_before
        yield f"{facts.label}: {percent(left)} of the parameters are left; {smaller}"
    else:
        yield (
            f"{facts.label}: {percent(pruning.sparsity)} of the weights of {len(pruning.layers)} layers are "
            f"zero, counted in the exported file; {smaller}; zeros are no faster on CPUs"
        )
