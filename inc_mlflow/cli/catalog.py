"""The command about published tables: what others measured, to know what can be expected."""

from typing import Annotated

import typer

from inc_mlflow.cli.app import JSON, START, app, emit

catalog = typer.Typer(rich_markup_mode=None)
app.add_typer(
    catalog,
    name="catalog",
    rich_help_panel=START,
    invoke_without_command=True,
    help="Show what Intel published of validated models, to know what can be expected.",
)


@catalog.callback(invoke_without_command=True)
def rows_(
    context: typer.Context,
    model: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Rows of models with a name like this, the likest first."),
    ] = None,
    source: Annotated[
        str | None, typer.Option(metavar="FRAMEWORK", help="tensorflow, keras, pytorch or onnx.")
    ] = None,
    table: Annotated[
        str | None, typer.Option(metavar="TABLE", help="quantization, pruning, distillation or hardware.")
    ] = None,
    as_json: JSON = False,
) -> None:
    """Show published rows: accuracy and throughput before and after, as they were printed.

    For example: inc-mlflow catalog --model resnet50 --source onnx. Hardware, frameworks and versions are
    theirs: an expectation for your own model, not a measurement of it.
    """
    if context.invoked_subcommand is not None:
        return
    from inc_mlflow.reports.catalog import catalog_json, print_catalog
    from inc_mlflow.reports.published.selection import selected

    rows = selected(model, source, table)
    if as_json:
        emit(catalog_json(rows), as_json)
    else:
        print_catalog(rows)


@catalog.command()
def check(as_json: JSON = False) -> None:
    """Compute every published ratio again from its parts, and show those that do not add up."""
    from inc_mlflow.reports.catalog import catalog_json, print_check
    from inc_mlflow.reports.published.tables import published_rows

    rows = published_rows()
    if as_json:
        emit(catalog_json([row for row in rows if not all(one.adds_up for one in row.claims)]), as_json)
    else:
        print_check(rows)
