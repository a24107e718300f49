"""verify: whether registry, artifacts and ledger still say the same."""

import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from inc_mlflow.errors import DataError, LedgerError, TrackingError
from inc_mlflow.records.ledger import Entry, digest
from inc_mlflow.steps.notes import existing
from inc_mlflow.tracking.aliases import contradictions, foreign
from inc_mlflow.tracking.ledger import Ledger
from inc_mlflow.tracking.server import Stores, connected
from inc_mlflow.tracking.versions import check_logged, download

if TYPE_CHECKING:
    from mlflow import MlflowClient


@dataclass(frozen=True)
class Verified:
    """What was found: no problem at all, or each in a line; ``head`` is the digest to compare with next time."""

    problems: tuple[str, ...]
    entries: int
    head: str | None


def verify(stores: Stores, name: str, prefix: str, head: str | None = None) -> Verified:
    """Check the chain, that it still holds the entry of digest ``head``, every alias, and every model that one ever named.

    Without ``head`` a ledger that was written anew as a whole, with its registered model, cannot be told from an old one.
    """
    with connected(stores) as client:
        try:
            ledger = existing(client, name)
        except LedgerError as error:
            return Verified((str(error),), 0, None)
        with tempfile.TemporaryDirectory() as folder:
            problems = tuple(_problems(client, ledger, prefix, head, Path(folder)))
    return Verified(problems, len(ledger.entries), ledger.head)


def _problems(client: "MlflowClient", ledger: Ledger, prefix: str, head: str | None, folder: Path) -> Iterator[str]:
    if head is not None and not any(digest(entry).startswith(head) for entry in ledger.entries):
        yield f"no entry of the ledger has digest {head[:12]}: it was cut off or written anew"
    if ledger.settled < len(ledger.entries):
        yield f"entry {len(ledger.entries)} is not carried out yet; the next promotion does it"
    yield from contradictions(client, ledger)
    for alias, version in foreign(ledger, prefix).items():
        yield f"alias {alias!r} (version {version}) is not in the ledger: somebody else set it"
    for alias, place in ledger.overdue.items():
        yield f"alias {alias!r} names version {place.version}, whose model was rolled back from another alias; roll it back too"
    for made in _named(ledger):
        yield from _altered(client, made, folder)


def _named(ledger: Ledger) -> list[Entry]:
    """Return what aliases name now, and named before where a rollback may go there."""
    versions = sorted({entry.version for entry in ledger.entries if entry.version}, key=int)
    now = set(ledger.aliases.values())
    return [made for one in versions if (made := ledger.made(one)).sha256 not in ledger.blocked or one in now]


def _altered(client: "MlflowClient", made: Entry, folder: Path) -> Iterator[str]:
    try:
        if made.kind != "adopted":
            check_logged(client, str(made.model_id), str(made.sha256))
        download(str(made.model_id), str(made.sha256), folder / str(made.version))
    except (DataError, TrackingError) as error:
        yield f"version {made.version}: {error}"
