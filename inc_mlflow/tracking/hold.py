"""One turn of a gate at a registered model: what a dead gate left half-done is completed, then one entry is written.

The order makes every kill harmless: version, entry, alias, head. The entry decides; alias and head follow it, and whoever
comes next brings them there.
"""

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from inc_mlflow.errors import TrackingError
from inc_mlflow.records.ledger import Entry
from inc_mlflow.tracking.aliases import check_aliases, follow
from inc_mlflow.tracking.claims import Claim, claim, put_once, release
from inc_mlflow.tracking.identity import acting_user
from inc_mlflow.tracking.ledger import Ledger, key_of

if TYPE_CHECKING:
    from mlflow import MlflowClient


@dataclass
class Hold:
    """A claimed turn; at most one entry is written in it."""

    client: "MlflowClient"
    claim: Claim
    who: str
    written: Entry | None = field(default=None)

    @property
    def ledger(self) -> Ledger:
        """The ledger as it was when the turn began."""
        return self.claim.ledger

    def write(self, kind: str, **fields: Any) -> Entry:
        """Append an entry and let the registry follow; TrackingError where another gate took this one's place."""
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
        )
        self.claim.check()
        if not put_once(self.client, ledger.run_id, key_of(entry.number), entry.text()):
            raise TrackingError(f"registered model {ledger.name!r}: another gate was faster; promote again")
        self.written = entry
        self.claim.check()
        follow(self.client, ledger.name, (*ledger.entries, entry), ledger.settled)
        return entry


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
        if turn.written is None:
            release(client, turn.claim)
