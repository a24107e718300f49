"""The gate's side: answer requests for promotion, by what their evidence says to whoever judges it again."""

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from inc_mlflow.confined import described, of_machine
from inc_mlflow.errors import (
    LONGEST_LINE,
    BrokenError,
    DataError,
    IncError,
    ShortageError,
    SpecError,
    StaleError,
    StateError,
    one_line,
)
from inc_mlflow.promotion.promote import blocked, withdraw
from inc_mlflow.promotion.review import Policy, judge_again
from inc_mlflow.promotion.settle_request import answer, reject
from inc_mlflow.records import Decision, RequestRecord
from inc_mlflow.records.ledger import Entry
from inc_mlflow.tracking.registry.aliases import champion_alias
from inc_mlflow.tracking.registry.ledger import read_ledger
from inc_mlflow.tracking.requests.requests import (
    claim_request,
    close_request,
    closed_as,
    count_try,
    open_requests,
    read_request,
)
from inc_mlflow.tracking.server.connection import Stores, connected

if TYPE_CHECKING:
    from mlflow import MlflowClient

UNANSWERED = ("open", "waiting")
"""Outcomes that leave a request as it is."""
TRIES = 3
"""At a request that breaks what reads it, before it is closed."""


def decide_all(stores: Stores, experiment: str | None, policy: Policy) -> Iterator[Decision]:
    """Answer every request that waits, new ones first.

    One that cannot be answered now stays open and stops no other.
    """
    with connected(stores) as client:
        waiting = open_requests(client, experiment)
    for run_id in waiting:
        try:
            yield decide(stores, run_id, policy)
        except IncError as error:
            yield Decision(
                run_id=run_id,
                outcome="open",
                reasons=(one_line(str(error), LONGEST_LINE),),
                policy=policy.name,
            )


def decide(stores: Stores, run_id: str, policy: Policy) -> Decision:
    """Answer a request that somebody else made, as ``decided`` does, whatever it raises.

    One that breaks what reads it is closed as ``broken`` after some tries, and open before. What this machine
    or the server lacks is no such try, and an IncError.
    """
    try:
        return decided(stores, run_id, policy)
    except BrokenError as error:
        return _tried(stores, run_id, policy, str(error))
    except IncError:
        raise
    except (
        Exception
    ) as error:  # one untrusted request: not even a bug of ours may keep the others from their answers
        if of_machine(error):
            raise ShortageError(f"run {run_id}: {described(error)}; try again") from error
        return _tried(stores, run_id, policy, f"run {run_id}: {described(error)}; start the pipeline again")


def decided(stores: Stores, run_id: str, policy: Policy) -> Decision:
    """Judge a requested promotion again, promote or not, and close the request.

    A closed one keeps its answer.

    Killed at any point, it can be called again: closing comes last, and promotion makes no second version.
    TrackingError before anything moves where this identity may not close it.
    """
    with tempfile.TemporaryDirectory() as folder, connected(stores) as client:
        if (closed := _closed(client, run_id, Path(folder))) is not None:
            return _plain(closed)
        claim_request(client, run_id, policy.name)
        decision = _plain(_answer(client, run_id, policy, Path(folder)))
        if decision.outcome not in UNANSWERED:
            close_request(client, decision)
    return decision


def _tried(stores: Stores, run_id: str, policy: Policy, reason: str) -> Decision:
    """Count a try at a request that breaks what reads it, and close it after the last.

    Before, it stays open.
    """
    with connected(stores) as client:
        tries = count_try(client, run_id)
        last = tries >= TRIES
        reasons = (
            one_line(reason, LONGEST_LINE),
            f"try {tries} of {TRIES}{'' if last else '; after the last it is closed'}",
        )
        decision = Decision(
            run_id=run_id, outcome="broken" if last else "open", reasons=reasons, policy=policy.name
        )
        if last:
            _withdraw(client, run_id)
            close_request(client, decision)
    return decision


def _withdraw(client: "MlflowClient", run_id: str) -> None:
    with suppress(DataError), tempfile.TemporaryDirectory() as folder:
        withdraw(client, read_request(client, run_id, Path(folder)))


def _plain(decision: Decision) -> Decision:
    """Reasons repeat names that somebody else chose."""
    return decision.model_copy(
        update={"reasons": tuple(one_line(reason, LONGEST_LINE) for reason in decision.reasons)}
    )


def _closed(client: "MlflowClient", run_id: str, folder: Path) -> Decision | None:
    """Return the answer that closed a request.

    What it moved is told by the ledger, since the run is its pipeline's to write.

    None where nothing closed it, or it calls itself promoted and the ledger does not: not at all, or not
    since a rollback.
    """
    closed = closed_as(client, run_id, folder)
    if closed is None:
        return None
    if closed.outcome != "promoted":
        return _told(closed, _moved(client, run_id, folder))
    request = read_request(client, run_id, folder)
    ledger = read_ledger(client, request.registered_model)
    if ledger is None:
        return None
    if (why := blocked(ledger, request.recipe, request.sha256)) is not None:
        return _told(closed.model_copy(update={"outcome": "rejected", "reasons": (why,)}), [])
    crowned = ledger.crowned(champion_alias(request.alias_prefix), request.sha256)
    moved = ledger.about("promoted", request.identity())
    return _told(closed, [crowned, *moved], crowned.version) if crowned else None


def _moved(client: "MlflowClient", run_id: str, folder: Path) -> list[Entry]:
    """Return what a request moved that was not promoted as a whole: aliases of pools.

    An altered one moved nothing.
    """
    try:
        request = read_request(client, run_id, folder)
    except DataError:
        return []
    ledger = read_ledger(client, request.registered_model)
    return ledger.about("promoted", request.identity()) if ledger else []


def _told(closed: Decision, moved: Sequence[Entry], version: str | None = None) -> Decision:
    aliases = {str(entry.alias): str(entry.version) for entry in moved}
    protections = moved[0].protections if moved else ()
    return closed.model_copy(update={"aliases": aliases, "version": version, "protections": protections})


def _answer(client: "MlflowClient", run_id: str, policy: Policy, folder: Path) -> Decision:
    try:
        request = read_request(client, run_id, folder)
    except DataError as error:
        return Decision(run_id=run_id, outcome="rejected", reasons=(str(error),), policy=policy.name)
    decision = _judged(client, request, policy, folder)
    if decision.outcome not in UNANSWERED:
        withdraw(client, request)
    return decision


def _judged(client: "MlflowClient", request: RequestRecord, policy: Policy, folder: Path) -> Decision:
    try:
        return answer(client, judge_again(client, request, policy, folder), folder)
    except BrokenError:
        raise
    except StaleError as error:
        return Decision(run_id=request.run_id, outcome="stale", reasons=(str(error),), policy=policy.name)
    except (
        DataError,
        SpecError,
        StateError,
    ) as error:  # whatever the evidence is, it is not what was measured
        told = str(error).replace(f"{folder}/", "")  # where it lay meanwhile
        return reject(client, request, policy, one_line(told, LONGEST_LINE))
