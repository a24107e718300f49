"""`probe`: what this machine is, and where a layout would run."""

import os

import pytest


@pytest.mark.parametrize("layout", ["1s1c1ins1bs", "auto"])
def test_probe_says_what_this_machine_is_and_where_a_layout_would_run(answer, layout):
    result = answer("probe", "--layout", layout)
    assert list(result) == ["text", "plan", "host", "pools"]
    assert result["plan"]["usable"] == result["host"]["cores"] == len(os.sched_getaffinity(0))
    assert result["text"].startswith(f"layout {result['plan']['layout']} on CPUs ")


@pytest.mark.parametrize(
    ("layout", "fragment"),
    [
        ("4", "inc-mlflow: --layout: '4' is not like"),
        ("9999c", "inc-mlflow: --layout: 1s9999c1ins1bs needs 1 x 9999 = 9999"),
    ],
)
def test_probe_refuses_a_layout_that_cannot_be(call, layout, fragment):
    code, out, err = call("probe", "--layout", layout)
    assert (code, out) == (2, "")
    assert fragment in err


def test_probe_shows_a_person_the_plan(call):
    code, out, _ = call("probe", "--layout", "1s1c1ins1bs")
    assert code == 0
    assert [line.partition(":")[0] for line in out.splitlines()][::6] == ["CPU", "plan"]
