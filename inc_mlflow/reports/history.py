"""A ledger, on the terminal."""

from collections.abc import Mapping, Sequence

from inc_mlflow.errors import one_line
from inc_mlflow.records.ledger import Kind, LedgerEntry

_SENTENCES: dict[Kind, str] = {
    "adopted": "{alias} taken over at {version}",
    "promoted": "{alias} is {version}: {recipe}",
    "rejected": "{recipe} rejected",
    "challenged": "{alias} is {version}, waiting for approval: {recipe}",
    "withdrawn": "{alias} taken away",
    "rolled_back": "{alias} back to {version}; {sha256} blocked",
    "unblocked": "{sha256} allowed again",
    "frozen": "promotion stopped",
    "unfrozen": "promotion goes on",
}


def sentence(entry: LedgerEntry) -> str:
    """Say in one line what happened, who did it and why."""
    version = f"version {entry.version}" if entry.version else "nothing"
    sha256 = (entry.sha256 or "")[:12]
    what = _SENTENCES[entry.kind].format(
        alias=entry.alias, version=version, recipe=entry.recipe, sha256=sha256
    )
    approved = f", approved by {entry.approved_by}" if entry.approved_by else ""
    why = f" ({'; '.join(entry.reasons)})" if entry.reasons else ""
    return f"{entry.at} {entry.who}{approved}: {what}{why}"


def print_history(entries: Sequence[LedgerEntry], aliases: Mapping[str, str | None], head: str) -> None:
    """Print all entries, oldest first, what the aliases name now, and the digest to keep."""
    from rich.console import Console

    console = Console(soft_wrap=True)
    for entry in entries:
        console.print(one_line(f"{entry.number:4} {sentence(entry)}"), markup=False, highlight=False)
    for alias, version in sorted(aliases.items()):
        console.print(
            one_line(f"{alias}: {f'version {version}' if version else 'nothing'}"),
            markup=False,
            highlight=False,
        )
    console.print(f"head: {head}", markup=False, highlight=False)
