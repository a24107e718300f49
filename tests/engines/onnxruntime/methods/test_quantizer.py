"""One contract for every recipe: runs, is smaller, is the same bytes again, and stays close to FP32."""

import numpy as np
import pytest

from inc_mlflow.engines.onnxruntime.calibration.collect import clipped_inputs, collect, needed_tensors
from inc_mlflow.engines.onnxruntime.graph.model_file import read_structure
from inc_mlflow.engines.onnxruntime.options import Dynamic, Static
from inc_mlflow.engines.onnxruntime.runtime.runner import Runner
from inc_mlflow.errors import ModelError
from inc_mlflow.files import sha256_file
from tests.support.onnx_candidates import quantize

RECIPES = [
    Static(),
    Static(quant_format="QOperator"),
    Static(per_channel=False),
    Static(activation_type="QInt8"),
    Static(weight_type="QUInt8"),
    Static(reduce_range=True),
    Static(op_types_to_quantize=("Conv",)),
    Dynamic(),
    Dynamic(per_channel=False, weight_type="QUInt8"),
]


@pytest.mark.parametrize("recipe", RECIPES, ids=lambda one: one.label())
def test_a_candidate_runs_is_smaller_deterministic_and_close(recipe, baseline, ranges, rows, tmp_path):
    for name in ("one", "two"):
        quantize(baseline, ranges, recipe, tmp_path / name)
    assert sha256_file(tmp_path / "one") == sha256_file(tmp_path / "two")
    assert (tmp_path / "one").stat().st_size < 0.5 * baseline.stat().st_size
    before, after = Runner(baseline, threads=1), Runner(tmp_path / "one", threads=1)
    agree = [before(row)["logits"].argmax() == after(row)["logits"].argmax() for row in rows]
    assert np.mean(agree) >= 0.95


def test_batches_do_not_change_the_ranges(baseline, rows, ranges):
    batches = [
        {"image": np.concatenate([row["image"] for row in rows[i : i + 16]])} for i in range(0, 64, 16)
    ]
    batched = collect(baseline, batches, threads=1)
    assert batched.rows == ranges.rows
    for name, one in ranges.tensors.items():
        np.testing.assert_allclose(batched.tensors[name].range(), one.range(), rtol=1e-5, atol=1e-6)


def test_shards_merge_to_the_bytes_of_one_pass(baseline, rows, ranges, tmp_path):
    shards = [collect(baseline, rows[i::3], threads=1) for i in range(3)]
    merged = shards[2].merge(shards[0]).merge(shards[1])
    merged.save(tmp_path / "merged")
    ranges.save(tmp_path / "whole")
    assert sha256_file(tmp_path / "merged") == sha256_file(tmp_path / "whole")


def test_ranges_equal_those_of_onnxruntimes_own_calibrator(baseline, rows, ranges, tmp_path):
    from onnxruntime.quantization.calibrate import CalibrationDataReader, CalibrationMethod, create_calibrator

    class Reader(CalibrationDataReader):
        def __init__(self):
            self.left = iter(rows)

        def get_next(self):
            return next(self.left, None)

    reference = create_calibrator(baseline, None, str(tmp_path / "a.onnx"), CalibrationMethod.MinMax)
    reference.collect_data(Reader())
    theirs = reference.compute_data()
    assert set(ranges.tensors) <= set(theirs.keys())
    for name, one in ranges.tensors.items():
        low, high = (float(np.ravel(value)[0]) for value in theirs[name].range_value)
        np.testing.assert_allclose(one.range(), (low, high), rtol=1e-5, atol=1e-6)


def test_what_only_a_relu_reads_is_not_fetched(baseline):
    model = read_structure(baseline)
    clipped = clipped_inputs(model)
    assert clipped
    assert set(clipped).isdisjoint(needed_tensors(model))


@pytest.mark.parametrize(
    ("recipe", "message"),
    [
        (Static(op_types_to_quantize=("Convv",)), r"'Convv' cannot be quantised, did you mean 'Conv'\?"),
        (Dynamic(op_types_to_quantize=("Relu",)), "'Relu' cannot be quantised"),
        (Static(nodes_to_exclude=("nope",)), "the baseline has no node 'nope'"),
        (Static(op_types_to_quantize=("LSTM",)), "'LSTM' cannot be quantised"),
        (Static(op_types_to_quantize=("Sigmoid",)), "nothing in this model can be quantised"),
    ],
)
def test_a_name_that_matches_nothing_is_refused(recipe, message, baseline, ranges, tmp_path):
    with pytest.raises(ModelError, match=message):
        quantize(baseline, ranges, recipe, tmp_path / "q.onnx")


def test_excluded_nodes_stay_fp32(baseline, ranges, tmp_path):
    first = next(node for node in read_structure(baseline).graph.node if node.op_type == "Conv")
    quantize(baseline, ranges, Static(), tmp_path / "all.onnx")
    quantize(baseline, ranges, Static(nodes_to_exclude=(first.name,)), tmp_path / "less.onnx")

    def weights(path):
        return {tensor.name for tensor in read_structure(path).graph.initializer}

    assert first.input[1] in weights(tmp_path / "less.onnx")
    assert first.input[1] not in weights(tmp_path / "all.onnx")


def test_activations_that_are_not_numbers_are_refused(baseline, rows):
    poisoned = {"image": np.full_like(rows[0]["image"], np.nan)}
    with pytest.raises(ModelError, match="is not a number on calibration data"):
        collect(baseline, [poisoned], threads=1)


def test_a_mask_of_minus_infinity_stays_fp32_and_the_rest_is_quantised(tmp_path):
    import onnx

    from inc_mlflow.engines.onnxruntime.graph.normalize import normalize
    from tests.support.graphs import masked_attention

    onnx.save(masked_attention(), tmp_path / "source.onnx")
    (tmp_path / "baseline").mkdir()
    normalize(tmp_path / "source.onnx", tmp_path / "baseline")
    path = tmp_path / "baseline" / "model.onnx"
    generator = np.random.default_rng(3)
    rows = [
        {"x": generator.standard_normal((1, 4, 8)).astype("f4"), "mask": np.array([[[1, 1, 1, 0]]], "f4")}
        for _ in range(8)
    ]
    found = collect(path, rows, threads=1, histograms=True)
    assert found.unbounded == {"masked"}
    for method in ("minmax", "percentile", "entropy", "mse"):
        quantize(path, found, Static(calibrate_method=method), tmp_path / "int8.onnx")
        true, close = (Runner(one, threads=1)(rows[0])["y"] for one in (path, tmp_path / "int8.onnx"))
        assert np.abs(true - close).max() < 0.2 * np.abs(true).max()
        left = {
            node.op_type
            for node in read_structure(tmp_path / "int8.onnx").graph.node
            if "masked" in node.input
        }
        assert left == {"Softmax"}, "the mask is read as it is"


def test_a_fixed_batch_is_filled_up_and_cut_again(tmp_path):
    import onnx

    from tests.support.graphs import linear

    onnx.save(linear(rows=4), tmp_path / "m.onnx")
    run = Runner(tmp_path / "m.onnx", threads=1)
    rows = np.random.default_rng(0).standard_normal((6, 8)).astype("f4")
    whole = run({"x": rows[:4]})["y"]
    np.testing.assert_array_equal(run({"x": rows[:3]})["y"], whole[:3])
