"""Benchmarks from before their neighbours were watched still read, and a newer one cannot be made to look like them."""

import json

import pytest
from judging import FAST, HOST, benchmark

from inc_mlflow.errors import DataError
from inc_mlflow.records import RECORD, BenchmarkRecord, Evidence
from inc_mlflow.steps.benchmark import LATENCIES, load_benchmark
from inc_mlflow.steps.raw import save_raw

EVIDENCE = Evidence(pool="local", host=HOST, provider="CPUExecutionProvider", data_sha256="d", models={"a": "m"})


@pytest.fixture
def saved(tmp_path):
    def save(neighbours):
        record = benchmark(EVIDENCE, {"a": FAST})
        record = record.model_copy(
            update={"conditions": record.conditions.model_copy(update={"neighbours": neighbours})},
        )
        digest = save_raw(tmp_path / LATENCIES, record, {})
        record.model_copy(update={"latencies_sha256": digest}).save(tmp_path)
        return tmp_path

    return save


def test_a_record_without_neighbours_is_whole_and_keeps_its_seal(saved):
    folder = saved(None)
    assert "neighbours" not in json.loads((folder / RECORD).read_text())["conditions"]
    assert load_benchmark(folder).conditions.neighbours is None


def test_a_record_with_neighbours_keeps_what_it_read_and_what_it_could_not(saved):
    assert load_benchmark(saved((0.01, None))).conditions.neighbours == (0.01, None)


def test_neighbours_that_were_taken_out_are_missed(saved):
    folder = saved((0.5,))
    written = json.loads((folder / RECORD).read_text())
    del written["conditions"]["neighbours"]
    (folder / RECORD).write_text(json.dumps(written))
    assert BenchmarkRecord.load(folder).conditions.neighbours is None
    with pytest.raises(DataError, match="the record changed since it was measured"):
        load_benchmark(folder)
