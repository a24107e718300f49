"""A network that loses answers: the server did what nobody heard of, and nothing may be made twice."""

import re
from collections import Counter

import pytest

from inc_mlflow.errors import TrackingError, UnreachableError
from inc_mlflow.promotion.process_request import Policy, process_untrusted_request
from inc_mlflow.spec import Job
from inc_mlflow.steps.judge.request import request_promotion
from inc_mlflow.tracking.registry.ledger import read_ledger
from inc_mlflow.tracking.server.connection import Stores, connected
from tests.support.proxy import MUTATING, Fault, proxy

pytestmark = pytest.mark.slow

MADE = r"^(?!.*/search$)"
"""Calls that change something."""
KINDS = (
    "experiments/create",
    "experiments/set-experiment-tag",
    "runs/create",
    "runs/update",
    "runs/log-batch",
    "runs/log-parameter",
    "runs/set-tag",
    "mlflow/logged-models$",
    "runs/outputs",
    "artifacts/[^/]+/models/",
    "mlflow/logged-models/m-",
    "artifacts/[^/]+/[0-9a-f]{32}/",
    "registered-models/create",
    "model-versions/create",
    "registered-models/alias",
    "registered-models/set-tag",
)
"""Every kind of call that a promotion makes."""
CALLS = 91
"""All of them, while nothing is lost."""


class Promotion:
    """The measured job on its way into a registry of its own, through a network that fails."""

    def __init__(self, measured, network, stores, folder, name):
        self.measured, self.stores, self.folder, self.name = measured, stores, folder, name
        self.network = network
        spec, names = measured.job.spec, {"experiment": name, "registered_model": name}
        tracking = spec.tracking.model_copy(update=names)
        self.job = Job(spec.model_copy(update={"tracking": tracking}), measured.job.root)

    def track(self):
        return self.measured.track(self.folder, self.job, session=self.name)

    def request(self):
        steps = self.measured.of("champion", "judgement") | {"tracking": self.folder / "tracking"}
        return request_promotion(self.job, self.folder / "request", **steps).run_id

    def end(self, patience):
        """Give a command again while it ends in one line, as a person does, up to ``patience`` times."""
        again(self.track, patience)
        run_id = again(self.request, patience)
        decision = again(lambda: process_untrusted_request(self.stores, run_id, Policy()), patience)
        assert decision.outcome == "promoted", decision.reasons

    def check(self):
        """Look, on a network that works, whether everything is there and nothing is there twice."""
        self.network.reset()
        with connected(self.stores) as client:
            (experiment,) = client.search_experiments(filter_string=f"name = '{self.name}'")
            check_runs(client, experiment.experiment_id)
            models = client.search_logged_models([experiment.experiment_id])
            assert sorted(model.params["inc.sha256"] for model in models) == sorted(self.rows)
            check_registry(client, self.name)

    @property
    def rows(self):
        return [row.sha256 for row in self.measured.judgement.table]


def again(command, patience):
    for _ in range(patience):
        try:
            return command()
        except TrackingError as error:
            assert "\n" not in str(error)
    return command()


def check_runs(client, experiment_id):
    from mlflow.entities import ViewType

    runs = client.search_runs([experiment_id], run_view_type=ViewType.ALL)
    assert Counter(run.data.tags["inc.role"] for run in runs) == {
        "job": 1,
        "baseline": 1,
        "candidate": 2,
        "measurement": 3,
    }
    assert len({run.data.tags["inc.key"] for run in runs}) == len(runs)
    assert {(run.info.status, run.info.lifecycle_stage) for run in runs} == {("FINISHED", "active")}
    for run in runs:
        assert len(client.get_metric_history(run.info.run_id, "accuracy")) == 1, run.data.tags


def check_registry(client, name):
    (version,) = client.search_model_versions(f"name = '{name}'")
    assert client.get_registered_model(name).aliases == {"int8-champion": version.version}
    ledger = read_ledger(client, name)
    assert [entry.kind for entry in ledger.entries] == ["promoted"]
    assert ledger.applied == 1
    (of_ledger,) = client.search_experiments(filter_string=f"name LIKE '{name} ledger %'")
    assert len(client.search_runs([of_ledger.experiment_id])) == 1


@pytest.fixture(scope="module")
def network(users_server):
    with proxy(users_server.url) as made:
        yield made


@pytest.fixture
def promotion(measured, network, users_server, become, monkeypatch, tmp_path, request):
    """Everything but the proxy's faults: one server for all, and new names for each test."""
    become(users_server, "gate")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", network.url)
    network.reset()
    name = "".join(char if char.isalnum() else "-" for char in request.node.name)
    return Promotion(measured, network, Stores(network.url, network.url), tmp_path, name)


@pytest.mark.parametrize(
    ("skip", "fault"), [(0, Fault.LOST), pytest.param(2, Fault.LOST_503, marks=pytest.mark.long)]
)
def test_answers_lost_at_calls_of_every_kind_make_nothing_twice(promotion, network, skip, fault):
    """The first of each kind, and the third if there is one: several calls of one upload fail in a row."""
    for kind in KINDS:
        network.on(fault, kind, skip=skip)
    promotion.end(patience=2)
    assert {call.path for call in network.calls if not known(call)} == set(), "KINDS lacks them"
    assert [kind for kind in KINDS if not network.count(kind)] == [], "nothing calls them any more"
    promotion.check()


@pytest.mark.long
@pytest.mark.parametrize("call", range(CALLS))
def test_the_answer_of_any_single_call_lost_makes_nothing_twice(promotion, network, call):
    network.on(Fault.LOST, MADE, skip=call)
    promotion.end(patience=1)
    promotion.check()


@pytest.mark.long
def test_there_are_no_more_calls_than_those(promotion, network):
    promotion.end(patience=0)
    assert network.count(MADE) == CALLS


def test_a_server_that_dies_while_it_is_sent_to_gets_the_rest_later(promotion, network, monkeypatch):
    """In the middle of everything that is logged; the next attempt goes on there."""
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    network.on(Fault.REFUSED, "", methods=(*MUTATING, "GET"), skip=60, times=10_000)
    with pytest.raises(UnreachableError, match=r"^MLflow at http://[0-9.:]+: cannot be reached"):
        promotion.track()
    network.reset()
    promotion.end(patience=0)
    promotion.check()


def known(call):
    return (
        call.method not in MUTATING
        or call.path.endswith("/search")
        or any(re.search(kind, call.path) for kind in KINDS)
    )
