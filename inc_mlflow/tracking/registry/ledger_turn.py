"""One turn of a gate at a registered model: what a dead gate left half-done is completed, then one entry is written.

The order makes every kill harmless: version, entry, alias, head. The entry decides; alias and head follow it,
and whoever comes next brings them there, once the gate that wrote it is gone.
"""

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from inc_mlflow.errors import TrackingError
from inc_mlflow.records.ledger import Entry, Kind
from inc_mlflow.tracking.registry.aliases import check_aliases, follow
from inc_mlflow.tracking.registry.claims import Claim, claim, present_ledger, put_once, release
from inc_mlflow.tracking.registry.ledger import Ledger, key_of
from inc_mlflow.tracking.server.get_or_create import lasting
from inc_mlflow.tracking.server.identity import acting_user

if TYPE_CHECKING:
    from mlflow import MlflowClient


@dataclass
class Hold:
    """A claimed turn; at most one entry is written in it."""

    client: "MlflowClient"
    claim: Claim
    who: str
    moving: bool = False
    """Whether calls that move aliases are under way: one whose answer is lost may still arrive."""

    @property
    def ledger(self) -> Ledger:
        """The ledger as it was when the turn began."""
        return self.claim.ledger

    def write(self, kind: Kind, **fields: Any) -> Entry:
        """Append an entry and let the registry follow.

        TrackingError where another gate took this one's place.
        """
        from mlflow.exceptions import MlflowException

        ledger = self.ledger
        alias = fields.get("alias")
        entry = Entry.model_validate(
            {
                "number": len(ledger.entries) + 1,
                "previous": ledger.head,
                "kind": kind,
                "registered_model": ledger.name,
                "at": datetime.now(UTC).isoformat(timespec="seconds"),
                "who": self.who,
                "gate": self.claim.gate,
                "before": ledger.aliases.get(alias) if alias else None,
                **fields,
            }
        ).fitting()
        self.claim.check()
        if not put_once(self.client, ledger.run_id, key_of(entry.number), entry.text()):
            raise TrackingError(f"registered model {ledger.name!r}: another gate was faster; promote again")
        self.claim.check()
        self.moving = True
        try:
            self._follow((*ledger.entries, entry))
        except MlflowException as error:
            self.moving = not lasting(error)
            raise
        return entry

    def _follow(self, entries: tuple[Entry, ...]) -> None:
        """Let the registry follow, and again if another gate went on meanwhile: a slow call here may have undone one of its."""
        follow(self.client, self.ledger.name, entries, self.ledger.settled)
        present = present_ledger(self.client, self.ledger.name).entries
        if len(present) > len(entries):
            self._follow(present)


@contextmanager
def held(client: "MlflowClient", name: str, strict: bool = True) -> Iterator[Hold]:
    """Give the next turn at a registered model; LedgerError where registry and ledger contradict each other.

    Not ``strict`` is for whoever records the contradiction.
    """
    who = acting_user(client)
    turn = Hold(client, claim(client, name, uuid.uuid4().hex), who)
    try:
        if strict:
            check_aliases(client, turn.ledger)
        if strict and turn.ledger.settled < len(turn.ledger.entries):
            follow(client, name, turn.ledger.entries, turn.ledger.settled)
        yield turn
    finally:
        if not turn.moving:
            release(client, turn.claim)
