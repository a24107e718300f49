"""Requests that break what reads them: each is one line and stops no other, within time and memory."""

import json
import random
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.hostile_requests import KINDS, Zoo

pytestmark = pytest.mark.slow

SOME = [
    *(
        "a header that does not tokenise",
        "a pickle",
        "scores of 5e-324",
        "aliases in the job",
        "a job of many keys",
    ),
    *("a record nested too deeply", "half a character in a record", "a file with a name of two lines"),
    *(
        "a NUL in the place of weights",
        "weights of an unknown type",
        "merge keys in MLmodel",
        "a request of 4 GB",
    ),
]
MEMORY, SECONDS, BUSY = 1 << 30, 10, 60
"""What a request may take; and of time where other tests run beside."""
RUN = """
import json, pathlib, resource, sys, time
from inc_mlflow.promotion.review import Policy
from inc_mlflow.promotion.process_request import process_open_requests
from inc_mlflow.tracking.server.connection import Stores, connected
stores = Stores(sys.argv[1], sys.argv[1])
with connected(stores):
    start = time.monotonic()  # MLflow's import is no request's
for one in process_open_requests(stores, None, Policy()):
    now = time.monotonic()
    status = pathlib.Path("/proc/self/status").read_text()  # getrusage counts the parent too
    peak = int(status.partition("VmHWM:")[2].split()[0]) * 1024
    print(json.dumps([one.run_id, one.outcome, one.reasons, now - start, peak]), flush=True)
    start = now
from inc_mlflow.confined import call
call._SERVER.end()
print(json.dumps(["the end", "", [], 0, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024]))
"""


@pytest.fixture
def zoo(store, measured, tmp_path):
    return Zoo(store, measured, tmp_path)


def mixed(zoo, kinds, good, seed):
    """Make requests of these kinds and good ones in an order by chance.

    Return the kind of each run, None for good ones.
    """
    wanted = [*kinds, *[None] * good]
    random.Random(seed).shuffle(wanted)
    return {
        zoo.good(f"m{n}") if kind is None else zoo.add(kind, f"m{n}"): kind for n, kind in enumerate(wanted)
    }


def answered(store):
    """Answer all that waits in a process of its own: (lines, the peak of its children)."""
    found = subprocess.run(
        [sys.executable, "-c", RUN, store.stores.tracking_uri],
        capture_output=True,
        text=True,
        timeout=1200,
        check=False,
    )
    assert found.returncode == 0, found.stderr
    *lines, end = [json.loads(line) for line in found.stdout.splitlines()]
    return lines, end[4]


def check(requests, lines, children, longest):
    assert sorted(line[0] for line in lines) == sorted(requests)
    for run_id, outcome, reasons, seconds, own in lines:
        kind = requests[run_id]
        assert (outcome == "promoted") == (kind is None), (kind, outcome, reasons)
        assert outcome in {"promoted", "rejected", "open"}, (kind, outcome, reasons)
        assert all(reason.isprintable() and len(reason) <= 1000 for reason in reasons), (kind, reasons)
        assert own < MEMORY, (kind, own)
        assert seconds < longest, (kind, seconds)
    assert children < MEMORY
    assert not Path("/tmp/inc-mlflow-was-here").exists()


def test_hostile_requests_are_a_line_each_and_good_ones_are_promoted(zoo):
    requests = mixed(zoo, SOME, 4, seed=1)
    check(requests, *answered(zoo.store), BUSY)


@pytest.mark.long
@pytest.mark.parametrize("seed", [1])
def test_all_kinds_of_hostile_requests_in_any_order(zoo, seed, capsys):
    requests = mixed(zoo, KINDS, 20, seed)
    lines, children = answered(zoo.store)
    with capsys.disabled():
        for run_id, outcome, reasons, seconds, own in lines:
            print(
                f"{seconds:6.2f} s {own >> 20:5} MiB {requests[run_id] or 'good'}: {outcome}: "
                f"{'; '.join(reasons)[:300]}"
            )
        print(f"children at most {children >> 20} MiB")
    check(requests, lines, children, SECONDS)
