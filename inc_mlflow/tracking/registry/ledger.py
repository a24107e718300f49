"""Read a registered model's ledger: write-once params of one run, which its tag names.

A broken chain is refused.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from inc_mlflow.errors import ForeignError, LedgerError
from inc_mlflow.records.ledger import START, Entry, Kind, digest

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities.model_registry import RegisteredModel

LEDGER = "inc.ledger"
"""Tag of the registered model: the run that holds the ledger."""
HEAD = "inc.head"
"""Tag of the registered model: number and digest of the last entry whose alias was moved."""
_ABSENT = "RESOURCE_DOES_NOT_EXIST"


@dataclass(frozen=True)
class Ledger:
    """All entries in their order, and how far the registry follows them."""

    name: str
    run_id: str
    entries: tuple[Entry, ...]
    params: dict[str, str]
    """Of the run: the entries and the claims."""
    present: dict[str, str]
    """What the registry's aliases name, whoever set them."""
    settled: int
    """Number of the last entry that the registry is known to follow."""

    @cached_property
    def head(self) -> str:
        """Digest of the last entry."""
        return digest(self.entries[-1]) if self.entries else START

    def place(self, alias: str) -> Entry | None:
        """Return the entry by which an alias got its present version; None where it names none."""
        version = self.aliases.get(alias)
        return None if version is None else self.made(version, alias)

    def made(self, version: str, alias: str | None = None) -> Entry:
        """Return the newest entry that says what a version is; its standing is that of one alias.

        LedgerError where there is none: no gate lets an alias name what it never described.
        """
        if (made := self._told.get((version, alias))) is None:
            raise LedgerError(
                f"registered model {self.name!r}: no entry of its ledger says what version {version} is"
            )
        return made

    @cached_property
    def _told(self) -> Mapping[tuple[str, str | None], Entry]:
        """The newest entries by version and alias, and by version alone: asked for each version, they are looked up once."""
        told = [entry for entry in self.entries if entry.version and entry.model_id]
        return {(str(one.version), alias): one for one in told for alias in (one.alias, None)}

    def earlier(self, alias: str) -> list[Entry]:
        """Return what an alias named before and may name again, the last one first: other models, and none that is blocked."""
        present = self.place(alias)
        versions = [
            entry.version
            for entry in reversed(self.entries)
            if entry.alias == alias and entry.version is not None
        ]
        told = [self.made(version) for version in dict.fromkeys(versions)]
        barred = {*self.blocked, present.sha256 if present else None}
        return [made for made in told if made.sha256 not in barred]

    def about(self, kind: Kind, request: str) -> list[Entry]:
        """Return what was written of a kind about a request, by its digest."""
        return [entry for entry in self.entries if (entry.kind, entry.request) == (kind, request)]

    def crowned(self, alias: str, sha256: str) -> Entry | None:
        """Return the last promotion of a model to an alias.

        None where there is none, or it was rolled back since.
        """
        about = [
            one for one in self.entries if one.sha256 == sha256 and one.kind in ("promoted", "rolled_back")
        ]
        told = [one for one in about if one.kind == "rolled_back" or one.alias == alias]
        return told[-1] if told and told[-1].kind == "promoted" else None

    @cached_property
    def aliases(self) -> Mapping[str, str | None]:
        """What every alias of ours names."""
        return {entry.alias: entry.version for entry in self.entries if entry.alias is not None}

    @cached_property
    def blocked(self) -> Mapping[str, Entry]:
        """Models that were rolled back: sha256 -> the entry that says why."""
        found: dict[str, Entry] = {}
        for entry in (one for one in self.entries if one.sha256):
            if entry.kind == "rolled_back":
                found[entry.sha256 or ""] = entry
            elif entry.kind == "unblocked":
                found.pop(entry.sha256 or "", None)
        return found

    @property
    def overdue(self) -> Mapping[str, Entry]:
        """Aliases that name a model which was rolled back from another one: alias -> the entry that says which."""
        places = {alias: place for alias in self.aliases if (place := self.place(alias))}
        return {alias: place for alias, place in places.items() if place.sha256 in self.blocked}

    @property
    def frozen(self) -> Entry | None:
        """The entry that stops promotion, while it is stopped."""
        last = next((entry for entry in reversed(self.entries) if entry.kind in ("frozen", "unfrozen")), None)
        return last if last is not None and last.kind == "frozen" else None


def find_model(client: "MlflowClient", name: str) -> "RegisteredModel | None":
    """Return a registered model, whoever made it."""
    from mlflow.exceptions import MlflowException

    try:
        return client.get_registered_model(name)
    except MlflowException as error:
        if error.error_code == _ABSENT:
            return None
        raise


def read_ledger(client: "MlflowClient", name: str) -> Ledger | None:
    """Return the ledger; None where there is no such registered model.

    Raises ForeignError where somebody else made the model, LedgerError where the ledger is not whole.
    """
    model = find_model(client, name)
    if model is None:
        return None
    if (run_id := model.tags.get(LEDGER)) is None:
        raise ForeignError(
            f"registered model {name!r}: exists and has no ledger, inc-mlflow did not make it; "
            f"choose another tracking.registered_model, or take it over with `inc-mlflow promote --adopt {name}`"
        )
    params = _params(client, name, run_id)
    entries = tuple(Entry.parse(params[key]) for key in sorted(params) if key.isdigit())
    _check_chain(name, entries)
    settled = _settled(name, entries, model.tags.get(HEAD, f"0 {START}"))
    return Ledger(name, run_id, entries, params, aliases_of(model), settled)


def aliases_of(model: "RegisteredModel") -> dict[str, str]:
    """Return what the aliases of a registered model name, whoever set them."""
    return {alias: str(version) for alias, version in model.aliases.items()}


def key_of(number: int) -> str:
    """Return the param that holds an entry; sorted by text they are in order."""
    return f"{number:09d}"


def _params(client: "MlflowClient", name: str, run_id: str) -> dict[str, str]:
    from mlflow.exceptions import MlflowException

    try:
        run = client.get_run(run_id)
    except MlflowException as error:
        if error.error_code != _ABSENT:
            raise
        raise LedgerError(
            f"registered model {name!r}: its ledger, run {run_id}, is gone; restore it"
        ) from error
    if run.info.lifecycle_stage != "active":
        raise LedgerError(f"registered model {name!r}: its ledger, run {run_id}, was deleted; restore it")
    return dict(run.data.params)


def _check_chain(name: str, entries: tuple[Entry, ...]) -> None:
    before = START
    for number, entry in enumerate(entries, start=1):
        if entry.registered_model != name:
            raise LedgerError(
                f"registered model {name!r}: its ledger is that of {entry.registered_model!r}; rename it back"
            )
        if (entry.number, entry.previous) != (number, before):
            raise LedgerError(
                f"registered model {name!r}: entry {number} of its ledger does not follow the one before; "
                "entries were removed or altered"
            )
        before = digest(entry)


def _settled(name: str, entries: tuple[Entry, ...], head: str) -> int:
    number, _, expected = head.partition(" ")
    known = {str(entry.number): digest(entry) for entry in entries} | {"0": START}
    if known.get(number) != expected:
        raise LedgerError(
            f"registered model {name!r}: its ledger has no entry {number} of digest {expected[:12]} any more; "
            "it was cut off or written anew"
        )
    return int(number)
