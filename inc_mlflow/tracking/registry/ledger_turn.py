"""Turns at a ledger: one gate at a time completes what a dead gate left, and writes one entry.

A turn writes in this order: version, entry, alias, head. The entry decides, and alias and head follow it, so
a kill at any point does no harm: the next gate moves them, once the gate that wrote the entry is gone.

A claim is a write-once param, so one of many gates gets it and nobody has to unlock it. A turn lasts until
registry and entry agree. Another gate takes a claim over in two cases: its process ended on this host, or the
claim did not change for ``LEASE`` seconds by the watching gate's own clock, so no common clock is needed. A
gate that is merely slow writes no second entry, since entries are write-once too, and it moves the aliases
again.
"""

import random
import socket
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from inc_mlflow.errors import LedgerError, TrackingError
from inc_mlflow.records.base import Frozen
from inc_mlflow.records.ledger import Kind, LedgerEntry
from inc_mlflow.tracking.registry.aliases import check_aliases, move_aliases
from inc_mlflow.tracking.registry.ledger import Ledger, key_of, present_ledger
from inc_mlflow.tracking.server.get_or_create import is_refusal, write_once
from inc_mlflow.tracking.server.identity import acting_user

if TYPE_CHECKING:
    from mlflow import MlflowClient

LEASE = 30.0
"""Seconds until an unchanged claim counts as a dead gate's; a turn needs about one."""
PATIENCE = 600.0
"""Seconds that a gate waits for its turn."""
_PAUSE = 0.2, 1.0
"""Shortest and longest pause between two looks, in seconds."""


@dataclass
class Claim:
    """The right to write one entry."""

    ledger: Ledger
    gate: str
    key: str
    since: float
    """Monotonic time before the claim was sent: its answer may have taken long."""

    def check(self) -> None:
        """Raise TrackingError where the turn took so long that another gate may have taken it over."""
        if time.monotonic() - self.since > LEASE / 2:
            raise TrackingError(
                f"registered model {self.ledger.name!r}: the server was too slow; promote again"
            )


@dataclass
class LedgerTurn:
    """A claimed turn; at most one entry is written in it."""

    client: "MlflowClient"
    claim: Claim
    who: str
    moving: bool = False
    """Whether calls that move aliases are under way: one whose answer was lost may still arrive."""

    @property
    def ledger(self) -> Ledger:
        """The ledger as it was when the turn began."""
        return self.claim.ledger

    def write(self, kind: Kind, **fields: Any) -> LedgerEntry:
        """Append an entry and move its alias.

        Raises TrackingError where another gate took this turn over.
        """
        from mlflow.exceptions import MlflowException

        ledger = self.ledger
        alias = fields.get("alias")
        entry = LedgerEntry.model_validate(
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
        if not write_once(self.client, ledger.run_id, key_of(entry.number), entry.text()):
            raise TrackingError(f"registered model {ledger.name!r}: another gate was faster; promote again")
        self.claim.check()
        self.moving = True
        try:
            self._move((*ledger.entries, entry))
        except MlflowException as error:
            self.moving = not is_refusal(error)
            raise
        return entry

    def _move(self, entries: tuple[LedgerEntry, ...]) -> None:
        """Move the aliases; again if another gate wrote meanwhile, since a slow call may undo its move."""
        move_aliases(self.client, self.ledger.name, entries, self.ledger.applied)
        present = present_ledger(self.client, self.ledger.name).entries
        if len(present) > len(entries):
            self._move(present)


@contextmanager
def ledger_turn(client: "MlflowClient", name: str, strict: bool = True) -> Iterator[LedgerTurn]:
    """Wait for the next turn at a registered model's ledger and give it.

    Raises LedgerError where registry and ledger contradict each other, unless ``strict`` is False: that is
    for recording the contradiction. Raises TrackingError where the turn never comes.
    """
    who = acting_user(client)
    turn = LedgerTurn(client, _claim_turn(client, name, uuid.uuid4().hex), who)
    try:
        if strict:
            check_aliases(client, turn.ledger)
        if strict and turn.ledger.applied < len(turn.ledger.entries):
            move_aliases(client, name, turn.ledger.entries, turn.ledger.applied)
        yield turn
    finally:
        if not turn.moving:
            _release_turn(client, turn.claim)


def _claim_turn(client: "MlflowClient", name: str, gate: str) -> Claim:
    """Wait until ``gate`` gets a claim; return it with the ledger as it is now."""
    first_seen: dict[str, float] = {}
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        ledger = present_ledger(client, name)
        key = next_claim(ledger, first_seen)
        since = time.monotonic()
        if key is not None and write_once(client, ledger.run_id, key, _claimant(gate)):
            return Claim(ledger, gate, key, since)
        time.sleep(random.uniform(*_PAUSE))  # noqa: S311 - so that gates do not step on each other's feet
    raise TrackingError(
        f"registered model {name!r}: other gates were busy for {PATIENCE:.0f} s; promote again"
    )


def _release_turn(client: "MlflowClient", claim: Claim) -> None:
    """Let other gates go on at once, where nothing was written."""
    write_once(client, claim.ledger.run_id, f"{claim.key}.free", claim.gate)


def next_claim(ledger: Ledger, first_seen: dict[str, float]) -> str | None:
    """Return the next claim's key; None while another gate may hold a live claim.

    A live claim is one on the entry to write, or one on the last entry while that is not applied.
    """
    number = len(ledger.entries)
    if ledger.applied < number and not all(
        _is_over(ledger, key, first_seen) for key in _claims_on(ledger, number) if _wrote_last(ledger, key)
    ):
        return None
    last = max(_claims_on(ledger, number + 1), key=_claim_number, default=None)
    if last is not None and not _is_over(ledger, last, first_seen):
        return None
    return f"{_claim_prefix(number + 1)}{_claim_number(last) + 1 if last else 1}"


def _claims_on(ledger: Ledger, number: int) -> list[str]:
    """Return the keys of all claims on an entry."""
    prefix = _claim_prefix(number)
    return [key for key in ledger.params if key.startswith(prefix) and key.removeprefix(prefix).isdigit()]


def _wrote_last(ledger: Ledger, key: str) -> bool:
    """Tell whether the gate of a claim wrote the last entry."""
    return _claimant_of(ledger, key).gate == ledger.entries[-1].gate


def _is_over(ledger: Ledger, key: str, first_seen: dict[str, float]) -> bool:
    """Tell whether the gate of a claim released it, ended, or left it unchanged for ``LEASE`` seconds."""
    since = first_seen.setdefault(key, time.monotonic())
    return (
        f"{key}.free" in ledger.params
        or time.monotonic() - since > LEASE
        or _process_ended(_claimant_of(ledger, key))
    )


class Claimant(Frozen):
    """Value of a claim's param: the gate's execution and the process that runs it."""

    gate: str
    host: str
    pid: int
    started: float


def _claimant_of(ledger: Ledger, key: str) -> Claimant:
    try:
        return Claimant.model_validate_json(ledger.params[key])
    except ValidationError as error:
        raise LedgerError(
            f"registered model {ledger.name!r}: {key} of its ledger is no gate's; it was forged"
        ) from error


def _claimant(gate: str) -> str:
    import psutil

    process = psutil.Process()
    return Claimant(
        gate=gate, host=this_host(), pid=process.pid, started=process.create_time()
    ).model_dump_json()


def _process_ended(claimant: Claimant) -> bool:
    """Tell whether the process of a claim ended; False for processes of other hosts, which nobody can see."""
    import psutil

    if claimant.host != this_host():
        return False
    try:
        return bool(psutil.Process(claimant.pid).create_time() != claimant.started)
    except psutil.NoSuchProcess:
        return True


def this_host() -> str:
    """Return a name that two machines, or two containers of one machine, never share."""
    processes = Path("/proc/self/ns/pid")
    return f"{socket.gethostname()} {processes.readlink() if processes.is_symlink() else uuid.getnode()}"


def _claim_prefix(number: int) -> str:
    return f"claim.{key_of(number)}."


def _claim_number(key: str) -> int:
    return int(key.rpartition(".")[2])
