"""Statistics, candidates and the search space of a model of parts."""

import numpy as np
import pytest

from inc_mlflow.engines.engine import RunSettings
from inc_mlflow.engines.parts.analysis import PartsAnalysis
from inc_mlflow.engines.parts.calibration import PartsStatistics
from inc_mlflow.engines.parts.engine import ENGINE
from inc_mlflow.engines.parts.folder import PartsModel
from inc_mlflow.engines.parts.options import PerPart
from inc_mlflow.engines.parts.pipeline import calls_of
from inc_mlflow.errors import ModelError, StateError, UnchangedError
from inc_mlflow.files import model_sha256
from inc_mlflow.spec import parse_recipe
from inc_mlflow.steps.compress.compare import compared_rows
from inc_mlflow.steps.compress.compare_parts import fp32_parts, reference_of
from inc_mlflow.steps.compress.make_candidate import make_candidate
from inc_mlflow.steps.data import method_data, open_data


def rows_of(job, count=None):
    return [inputs for inputs, *_ in open_data(job).rows("calibration", 1)][:count]


def recipe(**parts):
    return parse_recipe({"engine": "parts", "method": "per_part", "parts": parts})


@pytest.fixture(scope="module")
def statistics(job, baseline):
    return ENGINE.calibrator.collect(baseline, iter(rows_of(job)), {"minmax"}, threads=1)


def test_a_part_is_calibrated_on_what_it_is_called_with(job, baseline, statistics):
    pipeline = ENGINE.load(baseline, RunSettings())
    states = [call["state"] for call in calls_of(pipeline, rows_of(job), "decoder")]
    assert len(states) > len(rows_of(job)), "a decoder is called many times per row"
    found = statistics.parts["decoder"].final("minmax")["state"]
    assert tuple(found) == (np.min(states), np.max(states))
    assert statistics.rows == len(rows_of(job))


def test_shards_merge_to_the_bytes_of_one_pass(job, baseline, statistics, tmp_path):
    rows = rows_of(job)
    calibrator = ENGINE.calibrator
    first, second = (
        calibrator.collect(baseline, part, {"minmax"}, threads=1) for part in (rows[:10], rows[10:])
    )
    statistics.save(tmp_path / "whole")
    first.merge(second).save(tmp_path / "merged")
    assert (tmp_path / "whole").read_bytes() == (tmp_path / "merged").read_bytes()
    calibrator.load(tmp_path / "whole").save(tmp_path / "again")
    assert (tmp_path / "again").read_bytes() == (tmp_path / "whole").read_bytes()
    other = PartsStatistics("of another", 1, {})
    with pytest.raises(ModelError, match="different models"):
        first.merge(other)
    (tmp_path / "no").write_text("no")
    with pytest.raises(StateError, match="holds no statistics of parts"):
        calibrator.load(tmp_path / "no")


def made(job, baseline, statistics, folder, one):
    folder.mkdir(exist_ok=True)
    reference = reference_of(ENGINE, baseline, compared_rows(job))
    make_candidate(one, method_data(job, statistics), folder / "model.parts", reference)
    return folder / "model.parts"


def test_only_the_named_part_changes_and_the_whole_runs(job, baseline, statistics, tmp_path):
    one = recipe(decoder={"method": "static"})
    candidate = made(job, baseline, statistics, tmp_path, one)
    parts, before = PartsModel.open(candidate).parts, PartsModel.open(baseline).parts
    assert model_sha256(parts["encoder"]) == model_sha256(before["encoder"])
    assert ENGINE.inner.int8_operators(parts["decoder"])
    assert fp32_parts(one, candidate) == []
    again = made(job, baseline, statistics, tmp_path / "again", one)
    assert model_sha256(again) == model_sha256(candidate)
    with_rows = ENGINE.load(candidate, RunSettings())(rows_of(job, 1)[0])
    assert with_rows["tokens"].shape == (1, 5)


def test_a_part_in_which_nothing_can_change_stays_and_is_named(job, baseline, tmp_path):
    one = recipe(encoder={"method": "dynamic"}, decoder={"method": "dynamic"})
    candidate = made(job, baseline, None, tmp_path, one)
    assert fp32_parts(one, candidate) == ["encoder"]
    with pytest.raises(UnchangedError, match="nothing in this model can be quantised that way"):
        made(job, baseline, None, tmp_path / "other", recipe(encoder={"method": "dynamic"}))


def test_a_part_that_computes_something_else_is_rejected_by_its_name(job, baseline, tmp_path, monkeypatch):
    """The tokens may still look well: it is the part that is compared."""
    from inc_mlflow.engines.onnxruntime.methods.dynamic import METHOD

    right = METHOD.apply

    def wrong(part, own, data, target):
        import onnx

        right(part, own, data, target)
        model = onnx.load(target)
        (cast,) = [node for node in model.graph.node if node.name == "tanh"]
        cast.op_type = "Cos"
        onnx.save(model, target)

    monkeypatch.setattr(type(METHOD), "apply", lambda self, *arguments: wrong(*arguments))
    with pytest.raises(ModelError, match=r"part decoder': output '\w+' is off by"):
        made(job, baseline, None, tmp_path, recipe(decoder={"method": "dynamic"}))


def test_a_recipe_for_another_part_or_of_parts_is_refused(job, baseline, tmp_path):
    with pytest.raises(ModelError, match="no part 'decodr', did you mean 'decoder'"):
        made(job, baseline, None, tmp_path, recipe(decodr={"method": "dynamic"}))
    nested = recipe(decoder=recipe(decoder={"method": "dynamic"}).model_dump())
    with pytest.raises(ModelError, match=r"parts\.decoder: a part has no parts"):
        made(job, baseline, None, tmp_path, nested)


def test_a_search_tries_parts_alone_and_together(baseline):
    class Two:
        methods = ("a", "b")

        def first(self):
            return iter([parse_recipe({"method": "dynamic"}), parse_recipe({"method": "static"})])

        def refinements(self):
            return (lambda one: [one.model_copy(update={"per_channel": False})],)

    from inc_mlflow.engines.parts.space import PartsSpace

    space = PartsSpace({"e": Two(), "d": Two()})
    tried = [{name: one.method for name, one in found.parts.items()} for found in space.first()]
    assert len(tried) == 8
    assert tried[0] == {"e": "dynamic", "d": "dynamic"}
    assert [len(one) for one in tried] == [2, 2, 2, 2, 1, 1, 1, 1]
    _, refine = space.refinements()
    both = next(space.first())
    assert [[name for name, one in found.parts.items() if not one.per_channel] for found in refine(both)] == [
        ["e"],
        ["d"],
    ]
    real = ENGINE.space(baseline)
    assert {tuple(found.parts) for found in real.first()} == {("decoder",)}
    kept = real.without(recipe(decoder={"method": "static"}), ["decoder/hidden_product"])
    assert isinstance(kept, PerPart)
    assert kept.kept_fp32 == ("decoder/hidden_product",)
    safe = real.protected(recipe(decoder={"method": "static"}), everywhere=False)
    assert safe.unprotected() == recipe(decoder={"method": "static"})


def decoders(job, baseline, candidate):
    """The decoders of both, and their first calls."""
    before, after = (PartsModel.open(one).parts["decoder"] for one in (baseline, candidate))
    calls = calls_of(ENGINE.load(baseline, RunSettings()), rows_of(job, 3), "decoder")
    return before, {"static": after}, list(calls)[:4]


def test_the_analysis_names_nodes_by_their_part(job, baseline, statistics, tmp_path):
    candidate = made(job, baseline, statistics, tmp_path, recipe(decoder={"method": "static"}))
    analysis = ENGINE.analysis
    assert isinstance(analysis, PartsAnalysis)
    rows = rows_of(job, 3)
    errors = analysis.node_errors(baseline, candidate, rows)
    assert errors
    assert all(name.startswith("decoder/") for name in errors)
    assert list(errors.values()) == sorted(errors.values(), reverse=True)
    slow = analysis.explain(baseline, {"static": candidate}, rows, passes=2)["static"]
    assert slow.summary.startswith("decoder: ")
    assert sum(cause.share for cause in slow.causes) <= 1
    assert all(cause.what.startswith("decoder: ") for cause in slow.causes)
    once = ENGINE.inner.analysis.explain(*decoders(job, baseline, candidate), passes=2)["static"]
    assert slow.seconds > 1.5 * once.seconds, "it is called several times for a row"
    report = analysis.saturation(candidate, rows, 1, None)
    assert {layer.name.partition("/")[0] for layer in report.layers} == {"decoder"}
