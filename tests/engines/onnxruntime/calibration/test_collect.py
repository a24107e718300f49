"""Calibration on a real model: histograms of what runs through it, whatever the batches, shards and
threads."""

import contextlib
import io
from functools import reduce

import numpy as np
import onnx
import pytest
from onnxruntime.quantization.calibrate import CalibrationDataReader, CalibrationMethod, create_calibrator

from inc_mlflow.engines.onnxruntime.calibration.collect import collect
from inc_mlflow.engines.onnxruntime.calibration.ranges import Ranges
from inc_mlflow.engines.onnxruntime.options import Static
from inc_mlflow.engines.onnxruntime.runtime.runner import Runner
from inc_mlflow.errors import ModelError
from tests.support.graphs import linear
from tests.support.onnx_candidates import quantize


@pytest.fixture(scope="module")
def whole(baseline, rows):
    return collect(baseline, rows, threads=1, histograms=True)


def theirs(baseline, rows, method, folder):
    """Ranges of onnxruntime's own calibrator with its defaults."""

    class Reader(CalibrationDataReader):
        left = iter(rows)

        def get_next(self):
            return next(self.left, None)

    calibrator = create_calibrator(baseline, None, str(folder / "augmented.onnx"), method)
    with contextlib.redirect_stdout(io.StringIO()):
        calibrator.collect_data(Reader())
        return calibrator.compute_data()


def test_histograms_do_not_change_minmax(whole, ranges):
    assert whole.tensors == ranges.tensors
    assert whole.histograms.keys() == whole.tensors.keys()
    assert not ranges.histograms


@pytest.mark.parametrize(("count", "threads"), [(2, 1), (7, 2), (64, 1)])
def test_shards_merge_to_the_bytes_of_one_pass(baseline, rows, whole, tmp_path, count, threads):
    shards = [collect(baseline, rows[i::count], threads, histograms=True) for i in range(count)]
    for number, shard in enumerate(shards):
        shard.save(tmp_path / str(number))
    reduce(Ranges.merge, [Ranges.load(tmp_path / str(number)) for number in reversed(range(count))]).save(
        tmp_path / "merged"
    )
    whole.save(tmp_path / "whole")
    assert (tmp_path / "merged").read_bytes() == (tmp_path / "whole").read_bytes()


def test_larger_batches_count_the_same_rows(baseline, rows, whole):
    batches = [
        {"image": np.concatenate([row["image"] for row in rows[i : i + 16]])} for i in range(0, 64, 16)
    ]
    batched = collect(baseline, batches, threads=2, histograms=True)
    for name, histogram in whole.histograms.items():
        assert batched.histograms[name].counts.sum() == histogram.counts.sum()
        moved = np.abs(batched.histograms[name].counts - histogram.counts).sum() / histogram.counts.sum()
        assert moved < 0.01, name  # kernels for larger batches round in another way


def test_rows_that_fill_up_a_fixed_batch_are_not_counted(tmp_path):
    onnx.save(linear(rows=4), tmp_path / "model.onnx")
    rows = np.random.default_rng(0).standard_normal((6, 8)).astype("f4")
    ranges = collect(tmp_path / "model.onnx", [{"x": rows[:4]}, {"x": rows[4:]}], threads=1, histograms=True)
    assert ranges.rows == 6
    assert {name: int(one.counts.sum()) for name, one in ranges.histograms.items()} == {"x": 48, "y": 24}


def test_percentile_of_the_model_is_that_of_onnxruntime_within_a_bin(baseline, rows, whole, tmp_path):
    reference = theirs(baseline, rows, CalibrationMethod.Percentile, tmp_path)
    for name, ends in whole.final("percentile").items():
        low, high = (float(value) for value in reference[name].range_value)
        width = max(abs(low), abs(high)) / 2048
        np.testing.assert_allclose(
            ends, (low, high), atol=max(width, whole.histograms[name].width) * 1.001, err_msg=name
        )


@pytest.mark.parametrize("method", ["percentile", "entropy", "mse"])
def test_each_method_gives_a_candidate_close_to_fp32(method, baseline, rows, whole, tmp_path):
    quantize(baseline, whole, Static(calibrate_method=method), tmp_path / "int8.onnx")
    before, after = Runner(baseline, threads=1), Runner(tmp_path / "int8.onnx", threads=1)
    agree = [before(row)["logits"].argmax() == after(row)["logits"].argmax() for row in rows]
    assert np.mean(agree) >= 0.95


def test_methods_give_different_candidates(baseline, whole, tmp_path):
    methods = ("minmax", "percentile", "entropy", "mse")
    for method in methods:
        quantize(baseline, whole, Static(calibrate_method=method), tmp_path / method)
    assert len({(tmp_path / method).read_bytes() for method in methods}) == 4


def test_a_method_that_was_not_calibrated_for_is_refused(baseline, ranges, tmp_path):
    with pytest.raises(ModelError, match="'mse' needs more; calibrate again with it in the job"):
        quantize(baseline, ranges, Static(calibrate_method="mse"), tmp_path / "int8.onnx")


@pytest.mark.parametrize("threads", [1, 2])
def test_activations_that_are_not_numbers_are_refused(baseline, rows, threads):
    poisoned = {"image": np.full_like(rows[0]["image"], np.nan)}
    with pytest.raises(ModelError, match="is not a number on calibration data"):
        collect(baseline, [rows[0], poisoned], threads, histograms=True)
