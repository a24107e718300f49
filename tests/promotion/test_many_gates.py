"""Many gates at once, and killed ones: one champion, the best that passes, and no version twice."""

import itertools
import json
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from inc_mlflow.measure.gate.order import outranks
from inc_mlflow.promotion.history import read_history
from inc_mlflow.promotion.verify import verify
from inc_mlflow.tracking.registry.aliases import contradictions
from inc_mlflow.tracking.server.connection import Stores, connected
from tests.support import rivals

pytestmark = pytest.mark.slow

GATES = Path(__file__).parent / "scripts" / "gates.py"
ALIAS = "int8-champion"
PASSING, FAILING = range(7), (40, 50)
CALLS = 20
"""More than a gate makes to write."""


class Registry:
    """A server with users, as pipeline or as gate."""

    def __init__(self, server, become, measured, folder) -> None:
        self.server, self.become, self.measured, self.folder = server, become, measured, folder
        self.stores = Stores(server.url, server.url)
        become(server, "pipeline")
        with connected(self.stores) as client:
            self.client = client
        if self.client.get_experiment_by_name(rivals.NAME) is None:
            server.grant("gate", "EDIT", "experiment", rivals.experiment(self.client))

    def rival(self, number, passes=True):
        self.become(self.server, "pipeline")
        return rivals.make(self.client, self.measured, self.folder / str(number), number, passes)

    def request(self, rival, name):
        self.become(self.server, "pipeline")
        return rivals.request(self.client, self.measured, rival, name)

    def gates(self, *arguments):
        """Let gates decide, one process each; return what those said that lived."""
        self.become(self.server, "gate")
        command = [sys.executable, GATES, *map(str, arguments)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=500, check=False)
        assert done.returncode == 0, done.stderr[-3000:]
        return [json.loads(line) for line in done.stdout.splitlines()]

    def versions(self, name):
        return self.client.search_model_versions(f"name = '{name}'")

    def champion(self, name):
        version = self.client.get_registered_model(name).aliases[ALIAS]
        return self.client.get_model_version(name, version).tags["inc.sha256"]


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    return tmp_path_factory.mktemp("rivals")


@pytest.fixture
def registry(full_server, become, measured, made):
    return Registry(full_server, become, measured, made / os.urandom(4).hex())


class Watch(threading.Thread):
    """Look at the alias all the time: once there is a champion, there is always one."""

    def __init__(self, client, name) -> None:
        super().__init__(daemon=True)
        self.client, self.name, self.seen, self.over = client, name, [], threading.Event()

    def run(self):
        while not self.over.wait(0.2):
            found = {one.name: one.aliases for one in self.client.search_registered_models()}.get(self.name)
            if found is not None and (found or self.seen):
                self.seen.append(found.get(ALIAS))


def compete(registry, some, name):
    """Every candidate is requested twice, and gates answer all requests at once."""
    runs = [registry.request(rival, name) for rival in some for _ in range(2)][:16]
    watch = Watch(registry.client, name)
    watch.start()
    answers = registry.gates(*runs)
    watch.over.set()
    watch.join()
    assert len(answers) == len(runs) == 16
    return answers, watch.seen


def check(registry, some, name, answers, seen):
    best = max((one for one in some if one.number in PASSING), key=lambda one: one.number)
    assert registry.champion(name) == best.sha256
    digests = [one.tags["inc.sha256"] for one in registry.versions(name)]
    assert len(digests) == len(set(digests))
    assert not {one.sha256 for one in some if one.number in FAILING} & set(digests)
    assert None not in seen
    outcomes = [answer["outcome"] for answer in answers]
    assert set(outcomes) <= {"promoted", "rejected"}, answers
    registry.become(registry.server, "gate")
    ledger = read_history(registry.stores, name)
    promotions = [entry for entry in ledger.entries if entry.kind == "promoted"]
    assert all(
        outranks(later.standing, earlier.standing) for earlier, later in itertools.pairwise(promotions)
    )
    rejected = outcomes.count(
        "rejected"
    )  # before there was a registered model they stand on their runs alone
    assert len(promotions) + rejected - 2 <= len(ledger.entries) <= len(promotions) + rejected
    assert verify(registry.stores, name, "int8", ledger.head).problems == ()


def compete_in_rounds(registry, rounds):
    some = [registry.rival(number) for number in PASSING]
    some += [registry.rival(number, passes=False) for number in FAILING[:1]]
    for number in range(rounds):
        name = f"round {number} {os.urandom(3).hex()}"
        check(registry, some, name, *compete(registry, some, name))


def test_of_sixteen_gates_at_once_the_best_candidate_wins(registry):
    compete_in_rounds(registry, 1)


@pytest.mark.long
def test_of_sixteen_gates_at_once_the_best_candidate_wins_ten_times(registry):
    compete_in_rounds(registry, 10)


@pytest.mark.parametrize("step", [2, pytest.param(1, marks=pytest.mark.long)])
def test_a_gate_killed_after_any_call_leaves_what_the_next_one_completes(registry, step):
    """Every fourth time there is a champion already."""
    first, better = registry.rival(1), registry.rival(2)
    names = [f"killed after {fatal} {os.urandom(3).hex()}" for fatal in range(step, CALLS + 1, step)]
    assert {
        one["outcome"] for one in registry.gates(*[registry.request(first, name) for name in names[::4]])
    } == {"promoted"}
    runs = [registry.request(better, name) for name in names]
    survived = {answer["run_id"] for answer in registry.gates("--dying", step, *runs)}
    assert set(runs[: 8 // step]).isdisjoint(survived), "a promotion takes more calls"
    assert runs[-1] in survived, "a promotion takes fewer calls"
    left = [run_id for run_id in runs if run_id not in survived]
    assert [
        (one["run_id"], one["outcome"]) for one in registry.gates(*left) if one["outcome"] != "promoted"
    ] == []
    registry.become(registry.server, "gate")
    for name in names:
        assert registry.champion(name) == better.sha256
        assert [one.tags["inc.sha256"] for one in registry.versions(name)].count(better.sha256) == 1
        ledger = read_history(registry.stores, name)
        assert (ledger.applied, contradictions(registry.client, ledger)) == (len(ledger.entries), []), name
