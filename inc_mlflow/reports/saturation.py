"""Which layers saturate, worst first: as Markdown, and on the terminal."""

from typing import Any

from inc_mlflow.formatting import percent
from inc_mlflow.records import LayerSaturation, SaturationReport
from inc_mlflow.reports.table import WIDTH

_HEADER = ("layer", "operator", "possible pairs", "saturating sums", "error in steps")


def saturation_markdown(report: SaturationReport) -> str:
    """Return the table and the advice."""
    lines = [_HEADER, tuple("-" * len(name) for name in _HEADER), *_lines(report)]
    table = "\n".join(f"| {' | '.join(line)} |" for line in lines) if len(lines) > 2 else ""
    return f"{table}\n\n{advice(report)}\n".lstrip()


def print_saturation(result: dict[str, Any]) -> None:
    """Print the table and the advice on standard output."""
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    report = SaturationReport.model_validate({name: result[name] for name in SaturationReport.model_fields})
    console = Console(soft_wrap=True)
    console.width = max(console.width, WIDTH)
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in _HEADER:
        table.add_column(name, overflow="fold", no_wrap=name != "layer")
    for line in _lines(report):
        table.add_row(*map(escape, line))
    if table.rows:
        console.print(table)
    console.print(advice(report), markup=False, highlight=False)


def advice(report: SaturationReport) -> str:
    """Say in one sentence which CPUs lose what, and what to do."""
    total, unseen = (
        len(report.layers),
        sum(one.possible > 0 and one.expected_rate is None for one in report.layers),
    )
    hidden = f" {unseen} could, but their activations cannot be seen." if unseen else ""
    if not report.at_risk:
        return f"None of {total} layers saturates on these rows: CPUs with and without VNNI agree.{hidden}"
    return (
        f"{report.at_risk} of {total} layers saturate on these rows: x86 CPUs without VNNI, such as AMD "
        "before Zen 4 and Intel before Cascade Lake, compute other numbers than this; "
        f"{report.remedy}.{hidden}"
    )


def _lines(report: SaturationReport) -> list[tuple[str, ...]]:
    """Return the cells of every layer that could saturate, worst first."""
    layers = sorted((one for one in report.layers if one.possible > 0), key=_badness, reverse=True)
    return [
        (
            one.name,
            one.operator,
            percent(one.possible),
            _cell(one.expected_rate),
            _cell(one.expected_error_lsb),
        )
        for one in layers
    ]


def _badness(one: LayerSaturation) -> tuple[float, float, float]:
    return one.expected_error_lsb or 0.0, one.expected_rate or 0.0, one.possible


def _cell(value: float | None) -> str:
    return "?" if value is None else f"{value:.2g}"
