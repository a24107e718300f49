"""Who may write the next entry of a ledger: write-once params again, so of many gates one wins, and nobody has to unlock.

A turn lasts until registry and entry agree. A claim whose process is gone from this host, or that stands
unchanged for ``LEASE`` seconds by the clock of whoever watches it, belongs to a gate that died and is taken
over. That needs no common clock. A gate that is merely slow writes no second entry, since those are
write-once too, and sees to the aliases once more.
"""

import random
import socket
import time
import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import ValidationError

from inc_mlflow.errors import LedgerError, TrackingError
from inc_mlflow.records.base import Frozen
from inc_mlflow.tracking.registry.ledger import Ledger, key_of, read_ledger
from inc_mlflow.tracking.server.get_or_create import lasting

if TYPE_CHECKING:
    from mlflow import MlflowClient

LEASE = 30.0
"""Seconds; a gate needs about one."""
PATIENCE = 600.0
"""Seconds that a gate waits for its turn."""
_PAUSE = 0.2, 1.0
"""Seconds between two looks, at least and at most."""


@dataclass
class Claim:
    """The right to write one entry."""

    ledger: Ledger
    gate: str
    key: str
    since: float
    """Before it was sent: its answer may have taken long."""

    def check(self) -> None:
        """Raise TrackingError where it took so long that others may have taken over."""
        if time.monotonic() - self.since > LEASE / 2:
            raise TrackingError(
                f"registered model {self.ledger.name!r}: the server was too slow; promote again"
            )


def put_once(client: "MlflowClient", run_id: str, key: str, value: str) -> bool:
    """Write a param that nobody can change; tell whether it has this value now, also after a lost answer."""
    from mlflow.exceptions import MlflowException

    try:
        client.log_param(run_id, key, value)
    except MlflowException as error:
        present = client.get_run(run_id).data.params.get(key)
        if present is None or (error.error_code == "PERMISSION_DENIED" and lasting(error)):
            raise
        return bool(present == value)
    return True


def claim(client: "MlflowClient", name: str, gate: str) -> Claim:
    """Wait for the turn of ``gate`` and return it, with the ledger as it is now.

    TrackingError where it never comes.
    """
    seen: dict[str, float] = {}
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        ledger = present_ledger(client, name)
        key = _free(ledger, seen)
        since = time.monotonic()
        if key is not None and put_once(client, ledger.run_id, key, _claimant(gate)):
            return Claim(ledger, gate, key, since)
        time.sleep(random.uniform(*_PAUSE))  # noqa: S311 - so that gates do not step on each other's feet
    raise TrackingError(
        f"registered model {name!r}: other gates were busy for {PATIENCE:.0f} s; promote again"
    )


def release(client: "MlflowClient", held: Claim) -> None:
    """Let others go on without waiting, where nothing was written."""
    put_once(client, held.ledger.run_id, f"{held.key}.free", held.gate)


def present_ledger(client: "MlflowClient", name: str) -> Ledger:
    """Return the ledger as it is now; LedgerError where its registered model is gone."""
    ledger = read_ledger(client, name)
    if ledger is None:
        raise LedgerError(f"registered model {name!r}: was deleted meanwhile; promote again")
    return ledger


def _free(ledger: Ledger, seen: dict[str, float]) -> str | None:
    """Return the claim to make, if there is none that somebody may still work under: on the last entry, or on the next."""
    number = len(ledger.entries)
    if ledger.settled < number and not all(
        _over(ledger, key, seen) for key in _made(ledger, number) if _wrote(ledger, key)
    ):
        return None
    last = max(_made(ledger, number + 1), key=_count, default=None)
    if last is not None and not _over(ledger, last, seen):
        return None
    return f"{_prefix(number + 1)}{_count(last) + 1 if last else 1}"


def _made(ledger: Ledger, number: int) -> list[str]:
    """Return the claims on an entry."""
    prefix = _prefix(number)
    return [key for key in ledger.params if key.startswith(prefix) and key.removeprefix(prefix).isdigit()]


def _wrote(ledger: Ledger, key: str) -> bool:
    """Tell whether the gate of a claim wrote the last entry."""
    return _read(ledger, key).gate == ledger.entries[-1].gate


def _over(ledger: Ledger, key: str, seen: dict[str, float]) -> bool:
    """Tell whether the gate of a claim gave it up, died, or is given up by this one."""
    first_seen = seen.setdefault(key, time.monotonic())
    return (
        f"{key}.free" in ledger.params or time.monotonic() - first_seen > LEASE or _gone(_read(ledger, key))
    )


class _Claimant(Frozen):
    gate: str
    host: str
    pid: int
    started: float


def _read(ledger: Ledger, key: str) -> _Claimant:
    try:
        return _Claimant.model_validate_json(ledger.params[key])
    except ValidationError as error:
        raise LedgerError(
            f"registered model {ledger.name!r}: {key} of its ledger is no gate's; it was forged"
        ) from error


def _claimant(gate: str) -> str:
    import psutil

    process = psutil.Process()
    return _Claimant(
        gate=gate, host=_host(), pid=process.pid, started=process.create_time()
    ).model_dump_json()


def _gone(claimant: _Claimant) -> bool:
    """Tell whether a claim is of a process of this host, and of one that ended.

    Of other hosts nothing is known.
    """
    import psutil

    if claimant.host != _host():
        return False
    try:
        return bool(psutil.Process(claimant.pid).create_time() != claimant.started)
    except psutil.NoSuchProcess:
        return True


def _host() -> str:
    """Return what two machines, and two containers of one, do not have in common."""
    processes = Path("/proc/self/ns/pid")
    return f"{socket.gethostname()} {processes.readlink() if processes.is_symlink() else uuid.getnode()}"


def _prefix(number: int) -> str:
    return f"claim.{key_of(number)}."


def _count(key: str) -> int:
    return int(key.rpartition(".")[2])
