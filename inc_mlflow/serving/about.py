"""README.md of an export: what the model is, and what its evidence holds for."""

import html

from inc_mlflow.errors import one_line
from inc_mlflow.formatting import markdown_table, times
from inc_mlflow.serving.served_model import MeasuredServing, ServedModel

_ELSEWHERE = (
    "On other CPUs, with other versions, threads or batches these numbers do not hold: run the job there. "
    "Scales of a dynamic INT8 model span the batch, so its outputs depend on the batch too."
)
_ADOPTED = "Nobody measured it: the version was taken over as it was."


def about(served: ServedModel) -> str:
    """Return the page."""
    lines = [
        f"# {_plain(served.registered_model)} version {_plain(served.version)}",
        f"Recipe: {_plain(served.recipe)}. Engine: {served.engine}.",
        f"When it was exported the alias `{_plain(served.alias)}` named it.",
        f"sha256 of the model: `{served.sha256}`.",
        "## Why it was promoted" if served.reasons else "",
        "\n".join(f"- {_plain(reason)}" for reason in served.reasons),
        "## What was measured",
        _table(served.measured) if served.measured else _ADOPTED,
        _ELSEWHERE,
    ]
    return "\n\n".join(line for line in lines if line) + "\n"


def _table(measured: tuple[MeasuredServing, ...]) -> str:
    header = ["pool", "CPU", "cores per instance", "instances", "batch", "versions", "speed-up, at least"]
    rows = [
        [
            one.pool,
            one.cpu,
            str(one.layout.cores),
            str(one.layout.instances),
            str(one.layout.batch),
            ", ".join(f"{name} {version}" for name, version in sorted(one.runtime.items())),
            times(one.speedup.low) if one.speedup else "-",
        ]
        for one in measured
    ]
    return markdown_table(header, [map(_plain, row) for row in rows])


def _plain(text: str) -> str:
    return html.escape(one_line(text), quote=False)
