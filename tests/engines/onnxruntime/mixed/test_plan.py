"""Plans of mixed recipes: answers from the journal give the same plan, and no gain ends it at once."""

import json

import numpy as np
import pytest
from onnx import helper

from inc_mlflow.engines.engine import MethodData
from inc_mlflow.engines.onnxruntime.calibration.collect import collect
from inc_mlflow.engines.onnxruntime.graph.model_file import MODEL
from inc_mlflow.engines.onnxruntime.mixed.plan import Planner
from inc_mlflow.engines.plan import LEAST_GAIN, NoTime
from tests.support.graphs import model
from tests.support.mixed_models import Imported
from tests.support.onnx_candidates import compress

GENERATOR = np.random.default_rng(11)
SHAPE = [1, 32, 24, 24]
ROWS = [{"x": GENERATOR.normal(0, 1, SHAPE).astype("f4")} for _ in range(4)]
WEIGHTS = {
    "w": GENERATOR.normal(0, 0.08, (32, 32, 3, 3)).astype("f4"),
    "b": GENERATOR.normal(0, 0.1, 32).astype("f4"),
}


def node(kind, inputs, output, **attributes):
    return helper.make_node(kind, inputs, [output], name=output, **attributes)


@pytest.fixture(scope="module")
def baseline(tmp_path_factory):
    """Three large convolutions, which gain by INT8, and a Tanh that has no integer kernel."""
    nodes = [
        node("Conv", ["x", "w", "b"], "c1", pads=[1, 1, 1, 1]),
        node("Relu", ["c1"], "r1"),
        node("Conv", ["r1", "w", "b"], "c2", pads=[1, 1, 1, 1]),
        node("Tanh", ["c2"], "t"),
        node("Conv", ["t", "w", "b"], "y", pads=[1, 1, 1, 1]),
    ]
    folder = tmp_path_factory.mktemp("plan")
    Imported.of(model(nodes, WEIGHTS, {"x": SHAPE}, {"y": SHAPE}, 17), ROWS, folder)
    return folder / "baseline" / MODEL


class Recorded:
    """Answers from what it was given, or by work, which it counts; everything goes through JSON as in a file."""

    def __init__(self, answers=None):
        self.answers = dict(answers or {})
        self.worked = []

    def __call__(self, question, work):
        if question not in self.answers:
            self.worked.append(question)
            self.answers[question] = json.loads(json.dumps(work()))
        return self.answers[question]


def planner(baseline, recall):
    return Planner(baseline, collect(baseline, ROWS, 1), ROWS, ROWS[:2], recall, seconds=10.0)


def test_a_plan_gives_recipes_that_can_be_made(baseline, tmp_path):
    recall = Recorded()
    plan = planner(baseline, recall).plan()
    assert plan.planned
    assert plan.gain > 0
    assert plan.limit >= plan.gain
    data = MethodData(lambda: ROWS, collect(baseline, ROWS, 1), 1)
    for one in plan.planned:
        assert one.reason.startswith(f"{len(one.recipe.int8)} of 4 units in INT8")
        compress(baseline, one.recipe, data, tmp_path / MODEL)
    assert any(question.startswith("probe") for question in recall.worked) or plan.gain < LEAST_GAIN


def test_the_journal_gives_the_same_plan_without_work(baseline):
    first = Recorded()
    plan = planner(baseline, first).plan()
    second = Recorded(first.answers)
    assert planner(baseline, second).plan() == plan
    assert second.worked == []


@pytest.mark.parametrize("kept", [1, 3])
def test_a_killed_plan_asks_only_what_it_does_not_know(baseline, kept):
    first = Recorded()
    planner(baseline, first).plan()
    known = dict(list(first.answers.items())[:kept])
    second = Recorded(known)
    planner(baseline, second).plan()
    assert not set(second.worked) & known.keys()


@pytest.mark.parametrize("answered", [0, 1, 2, 4])
def test_a_plan_without_time_is_of_what_was_measured(baseline, answered):
    """Nothing is known before the first profiles, the second question."""
    first = Recorded()
    whole = planner(baseline, first).plan()
    known = dict(list(first.answers.items())[:answered])

    def recall(question, work):
        if question not in known:
            raise NoTime
        return known[question]

    if answered < 2:
        with pytest.raises(NoTime):
            planner(baseline, recall).plan()
    else:
        plan = planner(baseline, recall).plan()
        assert plan.planned
        assert plan.limit == pytest.approx(whole.limit, rel=0.5)


def test_where_int8_gains_nothing_no_round_is_run(baseline):
    """The same answers, but INT8 takes twice as long everywhere."""
    first = Recorded()
    planner(baseline, first).plan()
    slow = {}
    for question, answer in first.answers.items():
        if question.startswith("profile"):
            for one in answer["models"]:
                one["units"] = {name: 3 * answer["baseline"]["units"][name] for name in one["units"]}
        if not question.startswith("probe"):
            slow[question] = answer
            if question.startswith("profile"):
                break
    second = Recorded(slow)
    plan = planner(baseline, second).plan()
    assert not any("error" in one.reason for one in plan.planned)
    assert plan.gain == pytest.approx(1)
    assert second.worked == []


def test_what_the_profile_of_a_model_shows_is_all_of_its_time(baseline):
    recall = Recorded()
    planner(baseline, recall).plan()
    answer = next(one for question, one in recall.answers.items() if question.startswith("profile"))
    for seen in (answer["baseline"], *answer["models"]):
        parts = [*seen["units"].values(), *seen["quantize"].values(), *seen["dequantize"].values()]
        assert sum(parts) == pytest.approx(seen["seconds"], rel=0.02)
    everything = answer["models"][0]
    assert set(everything["quantize"]) == {"x", "t"}
    assert set(everything["dequantize"]) == {"c2", "y"}


def test_models_whose_outputs_are_far_off_are_not_planned(baseline):
    """The same answers, but the outputs of every model that was built are off."""
    first = Recorded()
    assert planner(baseline, first).plan().planned
    for question, answer in first.answers.items():
        if question.startswith("profile"):
            answer["errors"] = [0.9] * len(answer["errors"])

    def recall(question, work):
        if question not in first.answers:
            raise NoTime
        return first.answers[question]

    assert planner(baseline, recall).plan().planned == ()
