"""verify: whether registry, artifacts and ledger still say the same."""

import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from inc_mlflow.errors import DataError, LedgerError, TrackingError
from inc_mlflow.promotion.freeze import existing
from inc_mlflow.records.ledger import Entry, digest
from inc_mlflow.tracking.registry.aliases import contradictions, foreign
from inc_mlflow.tracking.registry.ledger import Ledger
from inc_mlflow.tracking.registry.versions import check_logged, download
from inc_mlflow.tracking.server.connection import Stores, connected

if TYPE_CHECKING:
    from mlflow import MlflowClient

_NAMED = 5
"""Versions that are named one by one."""


@dataclass(frozen=True)
class Verified:
    """What was found: no problem at all, or each in a line.

    ``head`` is the digest to compare with next time.
    """

    problems: tuple[str, ...]
    entries: int
    head: str | None
    checked: tuple[str, ...] = ()
    """Versions whose bytes were looked at, newest first."""
    unchecked: tuple[str, ...] = ()
    """Versions whose bytes were not: what stands behind them may have been altered unseen."""

    def lines(self, name: str) -> list[str]:
        """Say what was found, and what nobody looked at: silence about a version is no word for it."""
        found = list(self.problems) or [f"{name}: as its ledger of {self.entries} entries says"]
        if self.checked:
            found.append(f"files fetched and compared: of {_listed(self.checked)}")
        if self.unchecked:
            left = _listed(self.unchecked)
            found.append(
                f"files not looked at: of {left}, which no alias and no next rollback leads to; --deep fetches them"
            )
        return [*found, f"head: {self.head or 'none'}"]


def _listed(versions: tuple[str, ...]) -> str:
    if len(versions) > _NAMED:
        return f"{len(versions)} versions, {versions[0]} to {versions[-1]}"
    return f"version {', '.join(versions)}"


def verify(stores: Stores, name: str, prefix: str, head: str | None = None, deep: bool = False) -> Verified:
    """Check the chain, that it still holds the entry of digest ``head``, every alias, and the models that count.

    Those are what an alias names and what a rollback would return to; ``deep`` takes all that ever were
    champion and are not blocked. Without ``head`` a ledger that was written anew as a whole, with its
    registered model, cannot be told from an old one.
    """
    with connected(stores, made=True) as client:
        try:
            ledger = existing(client, name)
            checked, unchecked = _chosen(ledger, deep)
            problems = (*_problems(client, ledger, prefix, head), *_altered(client, checked))
        except LedgerError as error:
            return Verified((str(error),), 0, None)
    versions = (tuple(str(made.version) for made in some) for some in (checked, unchecked))
    return Verified(problems, len(ledger.entries), ledger.head, *versions)


def _problems(client: "MlflowClient", ledger: Ledger, prefix: str, head: str | None) -> Iterator[str]:
    if head is not None and not any(digest(entry).startswith(head) for entry in ledger.entries):
        yield f"no entry of the ledger has digest {head[:12]}: it was cut off or written anew"
    if ledger.settled < len(ledger.entries):
        yield f"entry {len(ledger.entries)} is not carried out yet; the next promotion does it"
    yield from contradictions(client, ledger)
    for alias, version in foreign(ledger, prefix).items():
        yield f"alias {alias!r} (version {version}) is not in the ledger: somebody else set it"
    for alias, place in ledger.overdue.items():
        yield f"alias {alias!r} names version {place.version}, whose model was rolled back from another alias; roll it back too"


def _chosen(ledger: Ledger, deep: bool) -> tuple[list[Entry], list[Entry]]:
    """Return the versions to look at, and those to leave alone, newest first each.

    A model that is blocked and that no alias names is neither: nothing leads to it.
    """
    now = {version for version in ledger.aliases.values() if version is not None}
    then = {earlier[0].version for alias in ledger.aliases if (earlier := ledger.earlier(alias))}
    versions = sorted({entry.version for entry in ledger.entries if entry.version}, key=int, reverse=True)
    able = [made for one in versions if (made := ledger.made(one)).sha256 not in ledger.blocked or one in now]
    wanted = [made for made in able if deep or made.version in now | then]
    return wanted, [made for made in able if not (deep or made.version in now | then)]


def _altered(client: "MlflowClient", chosen: Iterable[Entry]) -> Iterator[str]:
    """Look at one model after the other: of many there is room for one at a time."""
    for made in chosen:
        try:
            with tempfile.TemporaryDirectory() as folder:
                if made.kind != "adopted":
                    check_logged(client, str(made.model_id), str(made.sha256))
                download(str(made.model_id), str(made.sha256), Path(folder))
        except (DataError, TrackingError) as error:
            yield f"version {made.version}: {error}"
