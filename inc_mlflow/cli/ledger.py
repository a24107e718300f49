"""Commands about what was promoted: history, rollback, unblock, freeze, unfreeze, verify."""

from typing import TYPE_CHECKING, Annotated

import typer

from inc_mlflow.cli.app import JSON, PROMOTE, app, emit, say, show
from inc_mlflow.cli.promote import TrackingUri, stores

if TYPE_CHECKING:
    from inc_mlflow.records.ledger import LedgerEntry

Name = Annotated[str, typer.Argument(metavar="MODEL", help="The registered model, as digits.")]
Reason = Annotated[str, typer.Option(help="Why; it stays in the ledger.")]
Prefix = Annotated[str, typer.Option(help="Of the aliases, as tracking.alias_prefix of the job.")]
Pool = Annotated[str | None, typer.Option(help="Of the champion of one pool, not of all.")]


@app.command(rich_help_panel=PROMOTE)
def history(model: Name, tracking_uri: TrackingUri = None, as_json: JSON = False) -> None:
    """Show every promotion, rejection and rollback: what, who, when and why."""
    from inc_mlflow.promotion.history import read_history
    from inc_mlflow.reports.history import print_history

    ledger = read_history(stores(tracking_uri), model)
    if as_json:
        entries = [entry.model_dump(mode="json") for entry in ledger.entries]
        found = {"entries": entries, "aliases": ledger.aliases, "ledger": ledger.run_id, "head": ledger.head}
        emit({"registered_model": model, **found}, as_json)
    else:
        print_history(ledger.entries, ledger.aliases, ledger.head)
        print(f"ledger: run {ledger.run_id}")


@app.command(rich_help_panel=PROMOTE)
def rollback(
    model: Name,
    reason: Reason,
    pool: Pool = None,
    prefix: Prefix = "int8",
    tracking_uri: TrackingUri = None,
    as_json: JSON = False,
) -> None:
    """Give the alias back to the champion before, and block the present one until `unblock`.

    For example: inc-mlflow rollback digits --reason "complaints from the field".
    """
    from inc_mlflow.promotion.rollback import rollback
    from inc_mlflow.tracking.registry.aliases import champion_alias

    entry, others = rollback(stores(tracking_uri), model, champion_alias(prefix, pool), reason)
    _show_entry(entry, as_json)
    for alias in others:
        say(f"{alias} names that model still; roll it back too, or leave it knowingly")


@app.command(rich_help_panel=PROMOTE)
def unblock(
    model: Name,
    sha256: Annotated[
        str,
        typer.Argument(metavar="SHA256", help="Of the model that was rolled back; its beginning will do."),
    ],
    reason: Reason,
    tracking_uri: TrackingUri = None,
    as_json: JSON = False,
) -> None:
    """Allow a model again that was rolled back."""
    from inc_mlflow.promotion.rollback import unblock

    _show_entry(unblock(stores(tracking_uri), model, sha256, reason), as_json)


@app.command(rich_help_panel=PROMOTE)
def freeze(model: Name, reason: Reason, tracking_uri: TrackingUri = None, as_json: JSON = False) -> None:
    """Stop promotion to a registered model; requests stay open, rollback stays possible."""
    from inc_mlflow.promotion.freeze import freeze

    _show_entry(freeze(stores(tracking_uri), model, reason), as_json)


@app.command(rich_help_panel=PROMOTE)
def unfreeze(model: Name, reason: Reason, tracking_uri: TrackingUri = None, as_json: JSON = False) -> None:
    """Allow promotion again."""
    from inc_mlflow.promotion.freeze import unfreeze

    _show_entry(unfreeze(stores(tracking_uri), model, reason), as_json)


@app.command(rich_help_panel=PROMOTE)
def verify(
    model: Name,
    head: Annotated[
        str | None, typer.Option(metavar="DIGEST", help="An earlier head, which the ledger must still hold.")
    ] = None,
    deep: Annotated[
        bool,
        typer.Option("--deep", help="Fetch every version that ever was champion, not only those in use."),
    ] = False,
    prefix: Prefix = "int8",
    tracking_uri: TrackingUri = None,
    as_json: JSON = False,
) -> None:
    """Check that registry, artifacts and ledger agree.

    Keep the head that it prints elsewhere, and give it next time.

    It fetches and compares the files of what an alias names and of what a rollback would return to, and lists
    the versions that it left out. Exit code: 0 what was checked is as the ledger says, 3 something is not.
    """
    from inc_mlflow.promotion.verify import verify

    found = verify(stores(tracking_uri), model, prefix, head, deep)
    if as_json:
        emit({"ok": not found.problems, **vars(found)}, as_json)
    else:
        for line in found.lines(model):
            show(line)
    raise typer.Exit(3 if found.problems else 0)


def _show_entry(entry: "LedgerEntry", as_json: bool) -> None:
    from inc_mlflow.reports.history import sentence

    if as_json:
        emit(entry.model_dump(mode="json"), as_json)
    else:
        show(sentence(entry))
