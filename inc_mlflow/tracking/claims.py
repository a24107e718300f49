"""Who may write the next entry of a ledger: write-once params again, so of many gates one wins, and nobody has to unlock.

A claim whose process is gone from this host, or that stands unchanged for ``LEASE`` seconds by the clock of whoever watches
it, belongs to a gate that died and is taken over. That needs no common clock. A gate that is merely slow does no harm:
entries are write-once too.
"""

import json
import random
import socket
import time
import uuid
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from inc_mlflow.errors import LedgerError, TrackingError
from inc_mlflow.storage import canonical_json
from inc_mlflow.tracking.ledger import Ledger, key_of, read_ledger
from inc_mlflow.tracking.once import lasting

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
    since: float = field(default_factory=time.monotonic)

    def check(self) -> None:
        """Raise TrackingError where it took so long that others may have taken over."""
        if time.monotonic() - self.since > LEASE / 2:
            raise TrackingError(f"registered model {self.ledger.name!r}: the server was too slow; promote again")


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
    """Wait for the turn of ``gate`` and return it, with the ledger as it is now; TrackingError where it never comes."""
    seen: dict[str, float] = {}
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        ledger = _present(client, name)
        key = _free(ledger, seen)
        if key is not None and put_once(client, ledger.run_id, key, _claimant(gate)):
            return Claim(ledger, gate, key)
        time.sleep(random.uniform(*_PAUSE))  # noqa: S311 - so that gates do not step on each other's feet
    raise TrackingError(f"registered model {name!r}: other gates were busy for {PATIENCE:.0f} s; promote again")


def release(client: "MlflowClient", held: Claim) -> None:
    """Let others go on without waiting, where nothing was written."""
    put_once(client, held.ledger.run_id, f"{held.key}.free", held.gate)


def _present(client: "MlflowClient", name: str) -> Ledger:
    ledger = read_ledger(client, name)
    if ledger is None:
        raise LedgerError(f"registered model {name!r}: was deleted meanwhile; promote again")
    return ledger


def _free(ledger: Ledger, seen: dict[str, float]) -> str | None:
    """Return the claim to make, if there is none on the next entry that somebody may still work under."""
    prefix = f"claim.{key_of(len(ledger.entries) + 1)}."
    made = [key for key in ledger.params if key.startswith(prefix) and not key.endswith(".free")]
    last = max(made, key=_count, default=None)
    if last is None:
        return f"{prefix}1"
    first_seen = seen.setdefault(last, time.monotonic())
    over = f"{last}.free" in ledger.params or time.monotonic() - first_seen > LEASE or _gone(ledger.params[last])
    return f"{prefix}{_count(last) + 1}" if over else None


def _claimant(gate: str) -> str:
    import psutil

    process = psutil.Process()
    return canonical_json({"gate": gate, "host": _host(), "pid": process.pid, "started": process.create_time()})


def _gone(claimant: str) -> bool:
    """Tell whether a claim is of a process of this host, and of one that ended; of other hosts nothing is known."""
    import psutil

    made = json.loads(claimant)
    if made["host"] != _host():
        return False
    try:
        return bool(psutil.Process(made["pid"]).create_time() != made["started"])
    except psutil.NoSuchProcess:
        return True


def _host() -> str:
    """Return what two machines, and two containers of one, do not have in common."""
    processes = Path("/proc/self/ns/pid")
    return f"{socket.gethostname()} {processes.readlink() if processes.is_symlink() else uuid.getnode()}"


def _count(key: str) -> int:
    return int(key.rpartition(".")[2])
