"""What counts as a try at a request that breaks its reader, and what does not."""

import errno

import pytest

from inc_mlflow.confined import Limits
from inc_mlflow.errors import IncError, ShortageError, TrackingError
from inc_mlflow.promotion import process_request as deciding
from inc_mlflow.promotion.process_request import TRIES, process_open_requests, process_untrusted_request
from inc_mlflow.promotion.review import Policy
from inc_mlflow.tracking.requests.requests import find_open_requests

pytestmark = pytest.mark.slow

OWN = Policy()
TAG = "inc.request_tries"


class Impatient(Policy):
    """A gate that waits for nothing."""

    @property
    def reading(self):
        return Limits(cpu_seconds=8, memory_bytes=640 << 20, wall_seconds=0)


@pytest.fixture
def failing(monkeypatch):
    """Let judging end with an exception, in the gate itself."""

    def fail(error):
        def judge(*_):
            raise error

        monkeypatch.setattr(deciding, "review_request", judge)

    return fail


def closed(store, run_id, policy, reason):
    """The last try closes the request; until then it is open, and the last of all."""
    for number in range(1, TRIES + 1):
        (decision,) = process_open_requests(store.stores, None, policy)
        assert reason in decision.reasons[0]
        assert decision.reasons[1].startswith(f"try {number} of {TRIES}")
        assert decision.outcome == ("broken" if number == TRIES else "open")
    assert store.tags(run_id)["inc.request"] == "broken"
    assert (find_open_requests(store.client, None), store.versions()) == ([], [])
    assert process_untrusted_request(store.stores, run_id, OWN) == decision, (
        "a closed request keeps its answer"
    )


def test_evidence_that_breaks_its_reader_is_closed_after_some_tries(store, requested):
    closed(store, requested, Impatient(), f"run {requested}: the process that reads it took too long")


def test_what_the_gate_itself_did_not_foresee_is_closed_too(store, requested, failing):
    failing(KeyError("surprise"))
    closed(store, requested, OWN, f"run {requested}: met KeyError in promotion/process_request.py:")


ERRORS = [
    TrackingError("MLflow at http://x: 503"),
    ShortageError("no processes"),
    OSError(errno.ENOSPC, "No space left on device"),
    OSError(errno.EMFILE, "Too many open files"),
    ConnectionResetError(errno.ECONNRESET, "Connection reset by peer"),
    MemoryError(),
]


def test_what_the_machine_or_the_server_lacks_is_no_try(store, requested, failing):
    for error in ERRORS:
        failing(error)
        (decision,) = process_open_requests(store.stores, None, OWN)
        assert (decision.outcome, len(decision.reasons)) == ("open", 1), error
        with pytest.raises(IncError):
            process_untrusted_request(store.stores, requested, OWN)
    assert TAG not in store.tags(requested)


def test_who_stops_the_gate_is_obeyed(store, requested, failing):
    for end in (KeyboardInterrupt(), SystemExit()):
        failing(end)
        with pytest.raises(type(end)):
            list(process_open_requests(store.stores, None, OWN))
    assert TAG not in store.tags(requested)
    assert find_open_requests(store.client, None) == [requested]


def test_a_count_that_somebody_made_up_is_begun_anew(store, requested, failing):
    failing(KeyError())
    for count in ("", "none", "-5", "²", "9" * 400):
        store.client.set_tag(requested, TAG, count)
        assert process_untrusted_request(store.stores, requested, OWN).reasons[1].startswith("try 1 of"), (
            count
        )


def test_the_exit_code_tells_of_a_broken_one_and_the_others_are_answered(
    store, measured, requested, call, monkeypatch
):
    measured.track(store.folder / "second", session="another")
    second = measured.request(store.folder / "second")
    judge = deciding.review_request

    def stumble(client, request, *rest):
        return {}["nothing"] if request.run_id == requested else judge(client, request, *rest)

    monkeypatch.setattr(deciding, "review_request", stumble)
    code, out, _ = call("promote", "--requested")
    assert [line.split()[:2] for line in out.splitlines()] == [[requested, "open:"], [second, "promoted"]]
    assert code == 2
