"""The published rows that somebody asks for."""

from collections.abc import Sequence

from inc_mlflow.errors import UnknownNameError
from inc_mlflow.registry import did_you_mean
from inc_mlflow.reports.published.nearest import nearest
from inc_mlflow.reports.published.row import PublishedRow
from inc_mlflow.reports.published.tables import published_rows


def selected(model: str | None, source: str | None, table: str | None) -> list[PublishedRow]:
    """Return the rows of a table and a framework, of models with a name like ``model``; None asks for all.

    UnknownNameError says what there is.
    """
    rows = published_rows()
    sources = sorted({row.source for row in rows})
    tables = list(dict.fromkeys(row.table for row in rows))
    _check("framework", source, sources)
    _check("table", table, tables)
    found = [row for row in rows if source in {None, row.source} and table in {None, row.table}]
    near = found if model is None else nearest(model, found)
    if not near:
        raise UnknownNameError(
            f"catalog: no published row is of a model like {model!r}; try a family, as resnet50"
        )
    return near


def _check(what: str, given: str | None, known: Sequence[str]) -> None:
    if given is not None and given not in known:
        raise UnknownNameError(
            f"catalog: no {what} {given!r}{did_you_mean(given, known)}; there are {', '.join(known)}"
        )
