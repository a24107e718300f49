"""cross_hardware on this machine: every pool measures what all pools found."""

import json

import pytest

from tests.support.two_pool_job import POOLS, check, run, stand_in

pytestmark = pytest.mark.slow


def test_all_pools_measure_all_candidates_and_the_best_is_promoted(digits):
    stand_in(digits)
    result = check(digits, run(digits))
    assert (result["verdict"], result["champion"]["sha256"]) == ("pass", result["best"]["sha256"])
    assert len(result["table"]) == 2, "both pools made the same model"
    assert {f"{step}-{pool}" for step in ("candidates", "evaluation", "benchmark") for pool in POOLS} <= set(
        result["seconds"]
    )


def test_a_pool_that_this_machine_is_not_is_refused_before_any_work(digits):
    stand_in(digits)
    other = {
        "version": 1,
        "pools": {"here": {"expect": {"arch": "x86_64"}}, "there": {"expect": {"has": ["no_such_flag"]}}},
    }
    (digits.parent / "pools.yaml").write_text(json.dumps(other))
    done = run(digits)
    assert (done.returncode, done.stdout) == (2, "")
    assert "'there' expects no_such_flag" in done.stderr.splitlines()[-1]
    assert not list((digits.parent / ".inc-mlflow").glob("*/baseline"))
