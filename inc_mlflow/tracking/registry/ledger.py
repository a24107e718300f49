"""A registered model's ledger: write-once params of one run, which the model's tag names.

Each entry holds the digest of the one before; a broken chain is refused.
"""

import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from inc_mlflow.errors import ForeignError, LedgerError, TrackingError
from inc_mlflow.records.ledger import START, Kind, LedgerEntry, digest

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
    entries: tuple[LedgerEntry, ...]
    params: dict[str, str]
    """Params of the run: the entries and the claims."""
    present: dict[str, str]
    """Alias -> version, as the registry has them, whoever set them."""
    applied: int
    """Number of the last entry whose alias the registry is known to have moved."""

    @cached_property
    def head(self) -> str:
        """Digest of the last entry."""
        return digest(self.entries[-1]) if self.entries else START

    def entry_of_alias(self, alias: str) -> LedgerEntry | None:
        """Return the entry that gave an alias its present version; None where the alias names none."""
        version = self.aliases.get(alias)
        return None if version is None else self.entry_of_version(version, alias)

    def entry_of_version(self, version: str, alias: str | None = None) -> LedgerEntry:
        """Return the newest entry that describes a version; with ``alias``, the newest one about that alias.

        Raises LedgerError where there is none: no gate points an alias at a version that it never described.
        """
        if (entry := self._described.get((version, alias))) is None:
            raise LedgerError(
                f"registered model {self.name!r}: no entry of its ledger says what version {version} is"
            )
        return entry

    @cached_property
    def _described(self) -> Mapping[tuple[str, str | None], LedgerEntry]:
        """The newest entries by version and alias, and by version and None."""
        described = [entry for entry in self.entries if entry.version and entry.model_id]
        return {(str(one.version), alias): one for one in described for alias in (one.alias, None)}

    def earlier(self, alias: str) -> list[LedgerEntry]:
        """Return the entries of what an alias named before, newest first.

        Blocked models and the present one are left out.
        """
        present = self.entry_of_alias(alias)
        versions = [
            entry.version
            for entry in reversed(self.entries)
            if entry.alias == alias and entry.version is not None
        ]
        described = [self.entry_of_version(version) for version in dict.fromkeys(versions)]
        barred = {*self.blocked, present.sha256 if present else None}
        return [entry for entry in described if entry.sha256 not in barred]

    def entries_about(self, kind: Kind, request: str) -> list[LedgerEntry]:
        """Return the entries of one kind about a request, which is given by its digest."""
        return [entry for entry in self.entries if (entry.kind, entry.request) == (kind, request)]

    def last_promotion(self, alias: str, sha256: str) -> LedgerEntry | None:
        """Return the last promotion of a model to an alias.

        None where there is none, or the model was rolled back since, from whichever alias.
        """
        about = [
            one for one in self.entries if one.sha256 == sha256 and one.kind in ("promoted", "rolled_back")
        ]
        relevant = [one for one in about if one.kind == "rolled_back" or one.alias == alias]
        return relevant[-1] if relevant and relevant[-1].kind == "promoted" else None

    @cached_property
    def aliases(self) -> Mapping[str, str | None]:
        """Alias -> version, by the ledger; None where the alias was taken away."""
        return {entry.alias: entry.version for entry in self.entries if entry.alias is not None}

    @cached_property
    def blocked(self) -> Mapping[str, LedgerEntry]:
        """Models that were rolled back: sha256 -> the entry that says why."""
        blocked: dict[str, LedgerEntry] = {}
        for entry in (one for one in self.entries if one.sha256):
            if entry.kind == "rolled_back":
                blocked[entry.sha256 or ""] = entry
            elif entry.kind == "unblocked":
                blocked.pop(entry.sha256 or "", None)
        return blocked

    @property
    def blocked_aliases(self) -> Mapping[str, LedgerEntry]:
        """Aliases whose model was rolled back from another alias: alias -> the entry of its version."""
        entries = {alias: entry for alias in self.aliases if (entry := self.entry_of_alias(alias))}
        return {alias: entry for alias, entry in entries.items() if entry.sha256 in self.blocked}

    @property
    def frozen(self) -> LedgerEntry | None:
        """The entry that froze promotion; None while promotion is allowed."""
        last = next((entry for entry in reversed(self.entries) if entry.kind in ("frozen", "unfrozen")), None)
        return last if last is not None and last.kind == "frozen" else None


def find_model(client: "MlflowClient", name: str) -> "RegisteredModel | None":
    """Return a registered model, whoever created it; None where there is none."""
    from mlflow.exceptions import MlflowException

    try:
        return client.get_registered_model(name)
    except MlflowException as error:
        if error.error_code == _ABSENT:
            return None
        raise


def read_ledger(client: "MlflowClient", name: str) -> Ledger | None:
    """Return the ledger; None where there is no such registered model.

    Raises ForeignError where somebody else created the model, LedgerError where the ledger is not whole.
    """
    model = find_model(client, name)
    if model is None:
        return None
    if (run_id := model.tags.get(LEDGER)) is None:
        raise ForeignError(
            f"registered model {name!r}: exists and has no ledger, inc-mlflow did not make it; "
            f"choose another tracking.registered_model, or take it over with `{adopting(client, name)}`"
        )
    params = _params(client, name, run_id)
    entries = tuple(LedgerEntry.parse(params[key]) for key in sorted(params) if key.isdigit())
    _check_chain(name, entries)
    applied = _applied(name, entries, model.tags.get(HEAD, f"0 {START}"))
    return Ledger(name, run_id, entries, params, aliases_of(model), applied)


def adopting(client: "MlflowClient", name: str) -> str:
    """Return the command that takes over what others made or moved, as it works from any folder."""
    return f"inc-mlflow promote --adopt {shlex.quote(name)} --tracking-uri {shlex.quote(client.tracking_uri)}"


def present_ledger(client: "MlflowClient", name: str) -> Ledger:
    """Return the ledger of a model that existed a moment ago; LedgerError where it is gone."""
    ledger = read_ledger(client, name)
    if ledger is None:
        raise LedgerError(f"registered model {name!r}: was deleted meanwhile; promote again")
    return ledger


def require_ledger(client: "MlflowClient", name: str) -> Ledger:
    """Return the ledger of a registered model that a user names; TrackingError where there is none."""
    ledger = read_ledger(client, name)
    if ledger is None:
        raise TrackingError(
            f"registered model {name!r}: is not on the server; nothing was promoted to it yet"
        )
    return ledger


def aliases_of(model: "RegisteredModel") -> dict[str, str]:
    """Return alias -> version of a registered model, whoever set them."""
    return {alias: str(version) for alias, version in model.aliases.items()}


def key_of(number: int) -> str:
    """Return the param that holds an entry; sorted as text the keys are in the entries' order."""
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


def _check_chain(name: str, entries: tuple[LedgerEntry, ...]) -> None:
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


def _applied(name: str, entries: tuple[LedgerEntry, ...], head: str) -> int:
    """Return the number in the registry's head; LedgerError where the ledger has no such entry."""
    number, _, expected = head.partition(" ")
    known = {str(entry.number): digest(entry) for entry in entries} | {"0": START}
    if known.get(number) != expected:
        raise LedgerError(
            f"registered model {name!r}: its ledger has no entry {number} of digest {expected[:12]} "
            "any more; it was cut off or written anew"
        )
    return int(number)
