"""Where aliases move: they follow the ledger, and one that stands elsewhere was moved by somebody else."""

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING

from inc_mlflow.errors import DataError, ForeignError, LedgerError
from inc_mlflow.records.ledger import LedgerEntry, digest
from inc_mlflow.tracking.registry.ledger import HEAD, Ledger, adopting
from inc_mlflow.tracking.registry.versions import check_version

if TYPE_CHECKING:
    from mlflow import MlflowClient

_KINDS = ("champion", "challenger")
_OURS = re.compile(rf"(.+)-(?:{'|'.join(_KINDS)})(?:-.*)?")
_ALIAS = re.compile(r"[A-Za-z0-9_-]{1,255}")


def champion_alias(prefix: str, pool: str | None = None) -> str:
    """Return the alias of the champion of all required pools, or of one pool."""
    return f"{prefix}-champion-{pool}" if pool else f"{prefix}-champion"


def challenger_alias(prefix: str) -> str:
    """Return the alias of the version that waits for a person's approval."""
    return f"{prefix}-challenger"


def check_alias(alias: str) -> None:
    """Raise DataError where MLflow would refuse an alias.

    An entry whose alias the registry cannot move would stop every later promotion.
    """
    if not _ALIAS.fullmatch(alias):
        raise DataError(
            f"alias {alias[:60]!r}: MLflow takes up to 255 letters, digits, _ and -; "
            "name pool or tracking.alias_prefix so"
        )


def check_aliases(client: "MlflowClient", ledger: Ledger) -> None:
    """Raise LedgerError at the first contradiction between registry and ledger."""
    for problem in contradictions(client, ledger):
        raise LedgerError(f"registered model {ledger.name!r}: {problem}")


def moved_aliases(ledger: Ledger) -> dict[str, str | None]:
    """Return the aliases that somebody moved away from where the ledger put them: alias -> present version.

    An alias of an entry that is not applied yet may still be where it was before: its gate died, and the next
    gate completes the move.
    """
    allowed = {
        alias: {version, *_versions_before(ledger, alias)} for alias, version in ledger.aliases.items()
    }
    return {
        alias: ledger.present.get(alias)
        for alias, versions in allowed.items()
        if ledger.present.get(alias) not in versions
    }


def contradictions(client: "MlflowClient", ledger: Ledger) -> list[str]:
    """Return a line for each alias that was moved by others, and for each version that was altered."""
    problems = [
        f"alias {alias!r} names {_version_text(version)}, "
        f"by the ledger {_version_text(ledger.aliases[alias])}: somebody moved it; "
        f"move it back, or record it with `{adopting(client, ledger.name)}`"
        for alias, version in moved_aliases(ledger).items()
    ]
    for version in sorted({version for version in ledger.aliases.values() if version is not None}, key=int):
        problems += check_version(client, ledger.name, version, ledger.entry_of_version(version))
    return problems


def check_absent(client: "MlflowClient", ledger: Ledger, alias: str) -> None:
    """Raise ForeignError where an alias exists that the ledger never moved."""
    if alias not in ledger.aliases and alias in ledger.present:
        raise ForeignError(
            f"registered model {ledger.name!r}: alias {alias!r} (version {ledger.present[alias]}) "
            "was not set by inc-mlflow; remove it, choose another tracking.alias_prefix, "
            f"or take it over with `{adopting(client, ledger.name)}`"
        )


def foreign_aliases(ledger: Ledger, prefix: str) -> dict[str, str]:
    """Return the aliases named like ours that the ledger does not know: alias -> version."""
    return {
        name: version
        for name, version in named_like_ours(ledger.present, prefix).items()
        if name not in ledger.aliases
    }


def other_prefixes(present: Mapping[str, str]) -> dict[str, str]:
    """Return the prefixes under which aliases are named as ours are, each with the first such alias."""
    return {found[1]: alias for alias in sorted(present, reverse=True) if (found := _OURS.fullmatch(alias))}


def named_like_ours(present: Mapping[str, str], prefix: str) -> dict[str, str]:
    """Return those of the present aliases whose names begin as ours do: alias -> version."""
    names = tuple(f"{prefix}-{kind}" for kind in _KINDS)
    return {name: version for name, version in present.items() if name.startswith(names)}


def move_aliases(client: "MlflowClient", name: str, entries: tuple[LedgerEntry, ...], applied: int) -> None:
    """Move aliases to where the entries after number ``applied`` put them; note the last entry as applied."""
    for alias, version in {
        entry.alias: entry.version for entry in entries[applied:] if entry.alias is not None
    }.items():
        if version is None:
            client.delete_registered_model_alias(name, alias)
        else:
            client.set_registered_model_alias(name, alias, version)
    client.set_registered_model_tag(name, HEAD, f"{len(entries)} {digest(entries[-1])}")


def _versions_before(ledger: Ledger, alias: str) -> set[str | None]:
    """Return where an alias may stand while entries about it are not applied."""
    return {entry.before for entry in ledger.entries[ledger.applied :] if entry.alias == alias}


def _version_text(version: str | None) -> str:
    return "nothing" if version is None else f"version {version}"
