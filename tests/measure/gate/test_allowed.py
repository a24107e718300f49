"""A floating-point winner is told as such, and promoted only where the gate names its precision."""

from dataclasses import replace

import pytest

from inc_mlflow.errors import SpecError
from inc_mlflow.measure.gate.judge import judge, judge_pools
from inc_mlflow.records import BASELINE, Interval
from inc_mlflow.spec import GateSpec, JobSpec, parse_recipe
from tests.support.gate_measurements import FAIL, FAST, PASS, measured, model
from tests.support.paths import EXAMPLE

FASTER = Interval(value=3.0, low=2.9, high=3.1)
BOTH = GateSpec(allow=("int8", "bf16"))
NOTE = "bf16 passes at 3.00x and is no INT8: it is not promoted; gate: {allow: [int8, bf16]} would"


def pools(accuracy=PASS, speed=FASTER):
    pool = measured({"int8": PASS, "bf16": accuracy}, {"int8": FAST, "bf16": speed})
    evidence = pool.evaluation.evidence.model_copy(update={"precisions": {"bf16": "bf16"}})
    return {"local": replace(pool, evaluation=pool.evaluation.model_copy(update={"evidence": evidence}))}


def judged(gate, **changes):
    return judge([model(BASELINE), model("int8"), model("bf16")], pools(**changes), gate)


def test_the_faster_one_is_not_promoted_as_int8():
    record = judged(GateSpec())
    assert (record.verdict, record.best().recipe) == ("pass", "int8")
    assert NOTE in record.reasons
    row = record.candidates[1]
    assert (row.recipe, row.verdict) == ("bf16", "fail")
    assert row.reasons[0] == "computes in bf16, and gate.allow has int8 alone"
    assert row.speedup.value == FASTER.value, "its numbers stand in the table"


def test_where_it_is_allowed_it_wins_by_its_numbers():
    record = judged(BOTH)
    assert (record.verdict, record.best().recipe) == ("pass", "bf16")
    assert NOTE not in record.reasons


def test_who_judges_again_from_records_finds_the_same():
    again = judge_pools(pools(), GateSpec())
    assert again.best().recipe == "int8"
    assert judge_pools(pools(), BOTH).best().recipe == "bf16"


@pytest.mark.parametrize("changes", [{"accuracy": FAIL}, {"speed": Interval(value=1.5, low=1.4, high=1.6)}])
def test_nothing_is_said_of_one_that_loses_anyway(changes):
    assert not any("is no INT8" in reason for reason in judged(GateSpec(), **changes).reasons)


def test_int8_can_be_left_out():
    record = judged(GateSpec(allow=("bf16",)))
    assert record.best().recipe == "bf16"
    assert record.candidates[1].reasons[0] == "computes in int8, and gate.allow has bf16 alone"


def test_gates_from_before_have_the_same_digest():
    assert GateSpec().sha256() == GateSpec(allow=("int8",)).sha256() != BOTH.sha256()
    assert "allow" not in GateSpec().model_dump(mode="json")


def test_what_is_no_precision_is_refused():
    text = (EXAMPLE / "job.yaml").read_text()
    with pytest.raises(SpecError, match=r"gate\.allow"):
        JobSpec.from_text(text.replace("gate: {", "gate: {allow: [fp4], "))


@pytest.mark.parametrize(
    ("last", "precision"),
    [([], "fp32"), ([{"method": "static"}], "int8"), ([{"method": "bf16", "engine": "openvino"}], "bf16")],
)
def test_a_chain_computes_in_what_ends_it(last, precision):
    recipes = [{"method": "prune", "pattern": "channel", "sparsity": 0.5}, *last]
    assert parse_recipe({"method": "chain", "recipes": recipes}).precision == precision
