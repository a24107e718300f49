"""A candidate's outputs beside the baseline's: what INT8 explains passes, anything else is named."""

from pathlib import Path

import numpy as np
import onnx
import pytest

from inc_mlflow.engines.engine import RunSettings
from inc_mlflow.errors import ModelError
from inc_mlflow.steps.compress.compare import ROWS as COMPARED
from inc_mlflow.steps.compress.compare import Reference, compared_rows
from tests.support.graphs import linear
from tests.support.job_texts import rows_job

BASELINE, CANDIDATE = Path("baseline"), Path("candidate")
GENERATOR = np.random.default_rng(0)
ROWS = [{"x": GENERATOR.normal(size=(1, 50)).astype("f4")} for _ in range(8)]


class Analysis:
    """Knows which outputs select, and names the node that it was told."""

    def __init__(self, selected=(), node="conv_3"):
        self.selected, self.node = frozenset(selected), node

    def selected_outputs(self, baseline):
        return self.selected

    def first_departure(self, baseline, candidate, rows):
        if isinstance(self.node, Exception):
            raise self.node
        return self.node


class Engine:
    """Two models that are functions of x."""

    def __init__(self, true, found, analysis=None):
        self.models, self.analysis, self.calls = {BASELINE: true, CANDIDATE: found}, analysis, 0

    def load(self, model, settings: RunSettings):
        def run(inputs):
            self.calls += model == BASELINE
            return {name: np.asarray(value) for name, value in self.models[model](inputs["x"]).items()}

        return run


def problem(true, found, analysis=None) -> str | None:
    try:
        Reference(Engine(true, found, analysis), BASELINE, ROWS).check(CANDIDATE, "static")
    except ModelError as error:
        return str(error)
    return None


def both(x):
    return {"scores": x, "boxes": 3 * x + 1}


def noisy(x, size):
    return x + np.float32(size) * np.random.default_rng(1).normal(size=x.shape).astype("f4")


@pytest.mark.parametrize("size", [0.0, 0.02, 0.3, 0.5])
def test_the_noise_of_eight_bits_passes(size):
    assert problem(both, lambda x: both(x) | {"scores": noisy(x, size)}) is None


def test_an_output_with_less_than_a_bit_of_signal_is_ruined():
    assert "is off by" in (problem(both, lambda x: both(x) | {"scores": noisy(x, 0.8)}) or "")


@pytest.mark.parametrize("name", ["scores", "boxes"])
def test_one_ruined_output_is_enough_and_is_named_with_its_size_and_node(name):
    said = problem(both, lambda x: both(x) | {name: np.zeros_like(x)}, Analysis())
    assert said == (
        f"recipe 'static': output {name!r} is off by 100 % of its root mean square on calibration rows, "
        "which INT8 does not explain: it departs at node 'conv_3'; choose another recipe"
    )


def test_without_an_analysis_the_output_alone_is_named():
    said = problem(both, lambda x: both(x) | {"scores": -x})
    assert "output 'scores' is off by 200 %" in said
    assert "departs" not in said


def test_an_analysis_that_fails_does_not_hide_the_reason():
    said = problem(both, lambda x: both(x) | {"scores": -x}, Analysis(node=ModelError("no memory")))
    assert "is off by 200 %" in said
    assert "(no node could be named: no memory)" in said


def test_an_output_that_says_no_more_than_its_mean_is_ruined():
    assert "is off by 25" in (problem(lambda x: {"y": 4 + x}, lambda x: {"y": np.full_like(x, 4.2)}) or "")


def test_an_output_that_hardly_varies_may_be_rounded():
    assert problem(lambda x: {"y": 4 + x / 100}, lambda x: {"y": np.full_like(x, 4.2)}) is None


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_no_number_where_the_baseline_has_one_is_refused(bad):
    def found(x):
        return {"y": np.where(np.arange(x.size) == 3, np.float32(bad), x)}

    assert "is NaN or infinite where the baseline's is a number" in problem(lambda x: {"y": x}, found)


def test_infinity_where_the_baseline_has_it_is_no_difference():
    def masked(x):
        return {"y": np.where(x > 0, x, np.float32(-np.inf))}

    assert problem(masked, masked) is None


def test_another_type_or_shape_is_refused():
    assert "has the type float64" in problem(lambda x: {"y": x}, lambda x: {"y": x.astype("f8")})
    assert "has the shape (50,)" in problem(lambda x: {"y": x}, lambda x: {"y": x[0]})


def test_integers_may_differ_but_not_in_shape():
    assert problem(lambda x: {"y": x > 0}, lambda x: {"y": x < 0}) is None
    assert "has the shape" in problem(lambda x: {"y": x > 0}, lambda x: {"y": (x > 0)[:, :3]})


def test_what_selects_may_swap_near_ties_and_give_more_or_fewer_rows():
    def top(x):
        return {"y": np.sort(x)[:, ::-1]}

    def other(x):
        return {"y": np.roll(np.sort(x), 7)[:, :49]}

    assert problem(top, other) is not None
    assert problem(top, other, Analysis(selected=["y"])) is None
    assert problem(top, lambda x: {"y": top(x)["y"][:, :5]}, Analysis(selected=["y"])) is None
    assert problem(top, lambda x: {"y": other(x)["y"] * 3}, Analysis(selected=["y"])) is not None


def test_texts_of_another_length_are_texts():
    assert problem(lambda x: {"y": np.array(["a"])}, lambda x: {"y": np.array(["long"])}) is None


def test_the_baseline_runs_once_for_all_candidates():
    engine = Engine(both, both)
    reference = Reference(engine, BASELINE, ROWS)
    for _ in range(3):
        reference.check(CANDIDATE, "static")
    assert engine.calls == len(ROWS)


def test_a_candidate_that_does_not_run_is_refused_with_the_whole_text():
    def broken(x):
        raise ModelError("onnxruntime cannot run it", details="Traceback")

    with pytest.raises(ModelError, match="the INT8 model does not run; choose another recipe") as raised:
        Reference(Engine(both, broken), BASELINE, ROWS).check(CANDIDATE, "static")
    assert raised.value.details == "Traceback"


def test_a_refusal_does_not_name_the_file_that_goes_with_the_candidate():
    def broken(x):
        raise ModelError(f"{CANDIDATE}: onnxruntime cannot run it")

    with pytest.raises(ModelError) as raised:
        Reference(Engine(both, broken), BASELINE, ROWS).check(CANDIDATE, "static")
    assert str(raised.value).endswith("choose another recipe: onnxruntime cannot run it")


def test_sixteen_rows_are_compared_one_at_a_time(tmp_path):
    rows = np.arange(8 * 40, dtype="f4").reshape(40, 8)
    np.savez(tmp_path / "rows.npz", x=rows, label=np.zeros(40, int))
    onnx.save(linear(), tmp_path / "model.onnx")
    found = compared_rows(rows_job(tmp_path, "top1"))
    assert COMPARED == 16
    assert np.array_equal([row["x"] for row in found], rows[:16, None])
