"""Aliases follow the ledger; one that stands elsewhere was moved by somebody else."""

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING

from inc_mlflow.errors import DataError, ForeignError, LedgerError
from inc_mlflow.records.ledger import Entry, digest
from inc_mlflow.tracking.registry.ledger import HEAD, Ledger
from inc_mlflow.tracking.registry.versions import check_version

if TYPE_CHECKING:
    from mlflow import MlflowClient

_KINDS = ("champion", "challenger")
_ALIAS = re.compile(r"[A-Za-z0-9_-]{1,255}")


def champion_alias(prefix: str, pool: str | None = None) -> str:
    """Return the alias of the champion, of all required pools or of one."""
    return f"{prefix}-champion-{pool}" if pool else f"{prefix}-champion"


def challenger_alias(prefix: str) -> str:
    """Return the alias of the version that waits for a person's approval."""
    return f"{prefix}-challenger"


def check_alias(alias: str) -> None:
    """Raise DataError where MLflow would refuse an alias: the entry that the registry cannot follow would stop all others."""
    if not _ALIAS.fullmatch(alias):
        raise DataError(
            f"alias {alias[:60]!r}: MLflow takes up to 255 letters, digits, _ and -; name pool or tracking.alias_prefix so"
        )


def check_aliases(client: "MlflowClient", ledger: Ledger) -> None:
    """Raise LedgerError at the first contradiction."""
    for problem in contradictions(client, ledger):
        raise LedgerError(f"registered model {ledger.name!r}: {problem}")


def moved(ledger: Ledger) -> dict[str, str | None]:
    """Return the aliases of the ledger that stand where it never put them last: alias -> version.

    What the last entries moved may still stand where it stood before: a gate died, and the next one completes
    it.
    """
    places = {alias: {version, *_before(ledger, alias)} for alias, version in ledger.aliases.items()}
    return {
        alias: ledger.present.get(alias)
        for alias, allowed in places.items()
        if ledger.present.get(alias) not in allowed
    }


def contradictions(client: "MlflowClient", ledger: Ledger) -> list[str]:
    """Say which aliases of the ledger stand elsewhere, and which of their versions are others than it says."""
    problems = [
        f"alias {alias!r} names {_version(found)}, by the ledger {_version(ledger.aliases[alias])}: somebody moved it; "
        f"move it back, or record it with `inc-mlflow promote --adopt {ledger.name}`"
        for alias, found in moved(ledger).items()
    ]
    for version in sorted({version for version in ledger.aliases.values() if version is not None}, key=int):
        problems += check_version(client, ledger.name, version, ledger.made(version))
    return problems


def check_absent(ledger: Ledger, alias: str) -> None:
    """Raise ForeignError where an alias that the ledger never moved is there already."""
    if alias not in ledger.aliases and alias in ledger.present:
        raise ForeignError(
            f"registered model {ledger.name!r}: alias {alias!r} (version {ledger.present[alias]}) was not set by inc-mlflow; "
            f"remove it, choose another tracking.alias_prefix, or take it over with `inc-mlflow promote --adopt {ledger.name}`"
        )


def foreign(ledger: Ledger, prefix: str) -> dict[str, str]:
    """Return aliases that are called like ours and that the ledger does not know: alias -> version."""
    return {
        name: version
        for name, version in like_ours(ledger.present, prefix).items()
        if name not in ledger.aliases
    }


def like_ours(present: Mapping[str, str], prefix: str) -> dict[str, str]:
    """Return the aliases that are called like ours."""
    names = tuple(f"{prefix}-{kind}" for kind in _KINDS)
    return {name: version for name, version in present.items() if name.startswith(names)}


def follow(client: "MlflowClient", name: str, entries: tuple[Entry, ...], settled: int) -> None:
    """Bring aliases to where the entries after ``settled`` say, and note how far the registry follows."""
    for alias, version in {
        entry.alias: entry.version for entry in entries[settled:] if entry.alias is not None
    }.items():
        if version is None:
            client.delete_registered_model_alias(name, alias)
        else:
            client.set_registered_model_alias(name, alias, version)
    client.set_registered_model_tag(name, HEAD, f"{len(entries)} {digest(entries[-1])}")


def _before(ledger: Ledger, alias: str) -> set[str | None]:
    """Return where an alias may stand that a dead gate did not move any more."""
    return {entry.before for entry in ledger.entries[ledger.settled :] if entry.alias == alias}


def _version(version: str | None) -> str:
    return "nothing" if version is None else f"version {version}"
