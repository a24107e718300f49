"""The published tables on the terminal and as JSON."""

from collections.abc import Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from inc_mlflow.reports.published.row import PublishedRow, StatedChange
from inc_mlflow.reports.published.tables import HARDWARE, ORIGIN
from inc_mlflow.reports.table import WIDTH

if TYPE_CHECKING:
    from rich.table import Table

_UNITS = {"percent": " %", "difference": "", "quotient": "x"}


def catalog_json(rows: Sequence[PublishedRow]) -> dict[str, Any]:
    """Return what ``--json`` prints; numbers are JSON numbers, with the digits that were printed."""
    return {"origin": ORIGIN, "hardware": HARDWARE, "rows": [_row(row) for row in rows]}


def print_catalog(rows: Sequence[PublishedRow]) -> None:
    """Print a table for each published table that has such rows, and where they come from."""
    from rich.console import Console

    console = Console(soft_wrap=True)
    console.width = max(console.width, WIDTH)
    for name in dict.fromkeys(row.table for row in rows):
        console.print(_table(name, [row for row in rows if row.table == name]))
    console.print(
        f"{len(rows)} rows. {ORIGIN}. Throughput in samples a second on {HARDWARE}.", highlight=False
    )


def print_check(rows: Sequence[PublishedRow]) -> None:
    """Print each claim that does not come of its figures, and how many do."""
    from rich.console import Console

    console, claims = Console(soft_wrap=True), [(row, claim) for row in rows for claim in row.claims]
    stated = [(row, claim) for row, claim in claims if claim.stated is not None]
    wrong = [(row, claim) for row, claim in stated if not claim.adds_up]
    for row, claim in wrong:
        what = f"{row.table}: {row.model}, {row.method}, {claim.name} {claim.reference} → {claim.figure}"
        said, found = (_difference(claim, number) for number in (claim.stated, claim.computed))
        console.print(f"{what}: stated {said}, computed {found}", markup=False, highlight=False)
    console.print(
        f"{len(stated) - len(wrong)} of {len(stated)} add up, as far as figures are printed.", highlight=False
    )


def _table(name: str, rows: Sequence[PublishedRow]) -> "Table":
    from rich import box
    from rich.markup import escape
    from rich.table import Table

    table = Table(title=name, title_justify="left", box=box.SIMPLE, pad_edge=False)
    for header in ("model", "source", "method", "data", "from → to"):
        table.add_column(header, overflow="fold")
    for row in rows:
        cells = (row.model, row.source, row.method, row.dataset, "\n".join(map(_sentence, row.claims)))
        table.add_row(*map(escape, cells))
    return table


def _sentence(claim: StatedChange) -> str:
    return f"{claim.name} {claim.reference} → {claim.figure} ({change_text(claim)})"


def change_text(claim: StatedChange) -> str:
    """Return how the figures differ as it was printed, and computed where the table leaves that open."""
    return _difference(claim, claim.computed if claim.stated is None else claim.stated)


def _difference(claim: StatedChange, number: Decimal | None) -> str:
    if number is None:
        return "nothing"
    sign = "" if claim.kind == "quotient" else "+"
    return f"{format(round(number, 4 if claim.kind == 'difference' else 2), sign)}{_UNITS[claim.kind]}"


def _row(row: PublishedRow) -> dict[str, Any]:
    facts = {"table": row.table, "model": row.model, "source": row.source, "method": row.method}
    return facts | {"dataset": row.dataset, "claims": [_claim(claim) for claim in row.claims]}


def _claim(claim: StatedChange) -> dict[str, Any]:
    return {
        "name": claim.name,
        "figure": float(claim.figure),
        "reference": float(claim.reference),
        "kind": claim.kind,
        "stated": None if claim.stated is None else float(claim.stated),
        "computed": float(round(claim.computed, 4)),
        "adds_up": claim.adds_up,
    }
