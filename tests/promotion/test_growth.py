"""What a long ledger costs: calls to a real server, and bytes from it, as promotions add up."""

import pytest

from inc_mlflow.promotion.rollback import rollback
from inc_mlflow.promotion.verify import verify
from inc_mlflow.tracking.requests.requests import find_open_requests
from inc_mlflow.tracking.server.connection import Stores, connected
from tests.support.growing_registry import Growing
from tests.support.proxy import proxy

pytestmark = pytest.mark.slow

LAST = 12
LENGTHS = (3, 6, LAST)
ALL = ("GET", "POST", "PUT", "PATCH", "DELETE", "HEAD")
ONCE_A_MINUTE = "/server-(info|features)$"
"""What MLflow's client asks again by its own clock, whatever it is asked to do."""


class Costs:
    """Calls and bytes of what is done between two looks."""

    def __init__(self, network):
        self.network = network

    def of(self, command):
        calls, received = self._calls(), self.network.received
        result = command()
        return result, self._calls() - calls, self.network.received - received

    def _calls(self):
        return self.network.count(methods=ALL) - self.network.count(ONCE_A_MINUTE, methods=ALL)


@pytest.fixture(scope="module")
def grown(users_server, tmp_path_factory):
    """What each command costs after so many promotions, on one server whose ledger grows."""
    folder, patch, costs = tmp_path_factory.mktemp("grown"), pytest.MonkeyPatch(), {}
    with proxy(users_server.url) as network, patch.context() as environment:
        for name, value in users_server.identity("gate").items():
            environment.setenv(name, value)
        stores, counted = Stores(network.url, network.url), Costs(network)
        with connected(stores) as client:
            growing = Growing(client, "grown", folder)
            growing.grow(1)
            verify(stores, "grown", "int8")  # what a client asks a server once is no cost of a command
            for length in LENGTHS:
                growing.grow(length - 1)
                costs["promote", length] = counted.of(growing.once_more)
                costs["verify", length] = counted.of(lambda: verify(stores, "grown", "int8"))
                costs["deep", length] = counted.of(lambda: verify(stores, "grown", "int8", deep=True))
                costs["requests", length] = counted.of(lambda: find_open_requests(client, None))
            costs["rollback"] = counted.of(lambda: rollback(stores, "grown", "int8-champion", "why"))
    return costs


def calls(grown, command):
    return [grown[command, length][1] for length in LENGTHS]


def received(grown, command):
    return [grown[command, length][2] for length in LENGTHS]


def test_verify_fetches_what_counts_now_however_long_the_ledger_is(grown):
    """The champion's file, and that of the one before: bytes grow by the ledger's own text alone."""
    assert len(set(calls(grown, "verify"))) == 1
    short, twice, last = received(grown, "verify")
    assert (last - twice) < 2.5 * (twice - short)
    for length in LENGTHS:
        found = grown["verify", length][0]
        assert (found.problems, found.checked) == ((), (str(length), str(length - 1)))
        assert found.unchecked == tuple(str(number) for number in range(length - 2, 0, -1))


def test_verify_deep_is_linear_in_the_versions_newest_first(grown):
    short, twice, last = calls(grown, "deep")
    assert last - twice == 2 * (twice - short)
    short, twice, last = received(grown, "deep")
    assert (last - twice) < 2.5 * (twice - short)
    found = grown["deep", LAST][0]
    assert (found.problems, found.checked, found.unchecked) == ((), tuple(map(str, range(LAST, 0, -1))), ())


def test_a_promotion_makes_as_many_calls_as_the_one_before(grown):
    assert len(set(calls(grown, "promote"))) == 1


def test_the_bytes_of_a_promotion_grow_by_the_text_of_the_ledger_alone(grown):
    short, twice, last = received(grown, "promote")
    assert (last - twice) < 2.5 * (twice - short)


def test_looking_for_requests_does_not_grow_with_what_was_answered(grown):
    assert len(set(calls(grown, "requests"))) == 1


def test_a_rollback_fetches_one_file(grown):
    (entry, _), made, _ = grown["rollback"]
    assert entry.version == str(LAST - 1)
    assert made < 2 * grown["promote", LAST][1]
