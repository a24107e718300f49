"""README.md of an export: what the model is, and what its evidence holds for."""

from inc_mlflow.formatting import markdown_table, markdown_text
from inc_mlflow.serving.served_model import MeasuredServing, ServedModel

_ELSEWHERE = (
    "On other CPUs, with other versions, threads or batches these numbers do not hold: run the job there. "
    "Scales of a dynamic INT8 model span the batch, so its outputs depend on the batch too."
)
_ADOPTED = "Nobody measured it: the version was taken over as it was."


def about(served: ServedModel) -> str:
    """Return the page."""
    lines = [
        f"# {markdown_text(served.registered_model)} version {markdown_text(served.version)}",
        f"Recipe: {markdown_text(served.recipe)}. Engine: {served.engine}.",
        f"When it was exported the alias `{markdown_text(served.alias)}` named it.",
        f"sha256 of the model: `{served.sha256}`.",
        "## Why it was promoted" if served.reasons else "",
        "\n".join(f"- {markdown_text(reason)}" for reason in served.reasons),
        "## What was measured",
        _table(served.measured) if served.measured else _ADOPTED,
        _ELSEWHERE,
    ]
    return "\n\n".join(line for line in lines if line) + "\n"


def _table(measured: tuple[MeasuredServing, ...]) -> str:
    header = ["pool", "CPU", "cores per instance", "instances", "batch", "versions"]
    rows = [
        [
            one.pool,
            one.cpu,
            str(one.layout.cores),
            str(one.layout.instances),
            str(one.layout.batch),
            ", ".join(f"{name} {version}" for name, version in sorted(one.runtime.items())),
        ]
        for one in measured
    ]
    return markdown_table(header, [map(markdown_text, row) for row in rows])
