"""verify: check that registry, artifacts and ledger still agree."""

import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from inc_mlflow.errors import DataError, LedgerError, TrackingError
from inc_mlflow.records.ledger import LedgerEntry, digest
from inc_mlflow.tracking.registry.aliases import contradictions, foreign_aliases
from inc_mlflow.tracking.registry.ledger import Ledger, require_ledger
from inc_mlflow.tracking.registry.versions import check_logged, download_model
from inc_mlflow.tracking.server.connection import Stores, connected

if TYPE_CHECKING:
    from mlflow import MlflowClient

_NAMED = 5
"""Most versions that a message names one by one."""


@dataclass(frozen=True)
class Verified:
    """The problems that were found, a line each; ``head`` is the digest to compare with next time."""

    problems: tuple[str, ...]
    entries: int
    head: str | None
    checked: tuple[str, ...] = ()
    """Versions whose files were fetched and compared, newest first."""
    unchecked: tuple[str, ...] = ()
    """Versions whose files were not: they may have been altered unseen."""

    def lines(self, name: str) -> list[str]:
        """Return what was found, and which versions were not looked at."""
        found = list(self.problems) or [f"{name}: as its ledger of {self.entries} entries says"]
        if self.checked:
            found.append(f"files fetched and compared: of {_listed(self.checked)}")
        if self.unchecked:
            found.append(
                f"files not looked at: of {_listed(self.unchecked)}, "
                "which no alias and no next rollback leads to; --deep fetches them"
            )
        return [*found, f"head: {self.head or 'none'}"]


def _listed(versions: tuple[str, ...]) -> str:
    if len(versions) > _NAMED:
        return f"{len(versions)} versions, {versions[0]} to {versions[-1]}"
    return f"version {', '.join(versions)}"


def verify(stores: Stores, name: str, prefix: str, head: str | None = None, deep: bool = False) -> Verified:
    """Check the chain of entries, every alias, and the files of the models that count.

    Those are the models that an alias names and those that a rollback would return to; ``deep`` takes all
    that ever were champion and are not blocked. The chain must still hold the entry of digest ``head``:
    without it a ledger that was written anew as a whole, with its registered model, cannot be told from an
    old one.
    """
    with connected(stores, must_exist=True) as client:
        try:
            ledger = require_ledger(client, name)
            checked, unchecked = _versions_to_check(ledger, deep)
            problems = (*_problems(client, ledger, prefix, head), *_altered(client, checked))
        except LedgerError as error:
            return Verified((str(error),), 0, None)
    versions = (tuple(str(entry.version) for entry in some) for some in (checked, unchecked))
    return Verified(problems, len(ledger.entries), ledger.head, *versions)


def _problems(client: "MlflowClient", ledger: Ledger, prefix: str, head: str | None) -> Iterator[str]:
    if head is not None and not any(digest(entry).startswith(head) for entry in ledger.entries):
        yield f"no entry of the ledger has digest {head[:12]}: it was cut off or written anew"
    if ledger.applied < len(ledger.entries):
        yield f"entry {len(ledger.entries)} is not carried out yet; the next promotion does it"
    yield from contradictions(client, ledger)
    for alias, version in foreign_aliases(ledger, prefix).items():
        yield f"alias {alias!r} (version {version}) is not in the ledger: somebody else set it"
    for alias, entry in ledger.blocked_aliases.items():
        yield (
            f"alias {alias!r} names version {entry.version}, whose model was rolled back from another alias; "
            "roll it back too"
        )


def _versions_to_check(ledger: Ledger, deep: bool) -> tuple[list[LedgerEntry], list[LedgerEntry]]:
    """Return the entries of the versions to check, and of those to leave alone, each newest first.

    A blocked model that no alias names is in neither: nothing leads to it.
    """
    now = {version for version in ledger.aliases.values() if version is not None}
    then = {earlier[0].version for alias in ledger.aliases if (earlier := ledger.earlier(alias))}
    versions = sorted({entry.version for entry in ledger.entries if entry.version}, key=int, reverse=True)
    described = [ledger.entry_of_version(version) for version in versions]
    reachable = [entry for entry in described if entry.sha256 not in ledger.blocked or entry.version in now]
    checked = [entry for entry in reachable if deep or entry.version in now | then]
    return checked, [entry for entry in reachable if not (deep or entry.version in now | then)]


def _altered(client: "MlflowClient", entries: Iterable[LedgerEntry]) -> Iterator[str]:
    """Yield a problem for each altered model; one is on the disk at a time."""
    for entry in entries:
        try:
            with tempfile.TemporaryDirectory() as folder:
                if entry.kind != "adopted":
                    check_logged(client, str(entry.model_id), str(entry.sha256))
                download_model(str(entry.model_id), str(entry.sha256), Path(folder))
        except (DataError, TrackingError) as error:
            yield f"version {entry.version}: {error}"
