"""Evidence as somebody who means harm leaves it: the gate refuses it and goes on to the next request."""

import pytest
from pydantic import ValidationError

from inc_mlflow.errors import DataError, SpecError
from inc_mlflow.measure.gate import measurements as reading
from inc_mlflow.measure.gate.measurements import evidence_job, load_pools
from inc_mlflow.records import RECORD, Evidence, RequestRecord
from inc_mlflow.spec import JobSpec
from tests.support.gate_measurements import HOST, save_benchmark

REQUEST = {"registered_model": "digits", "run_id": "r", "models": {}, "recipe": "static u8s8", "sha256": "0" * 64,
           "measured_against": None, "policy_sha256": "p", "evidence": {}}  # fmt: skip
ABOUT = Evidence(
    pool="local",
    host=HOST,
    provider="cpu",
    data_sha256="d",
    models={"baseline": "m"},
    engines={"baseline": "onnxruntime"},
)
DEEP = "[" * 100_000


@pytest.fixture
def benchmark(tmp_path):
    save_benchmark(tmp_path / "benchmark", ABOUT, {})
    return tmp_path / "benchmark"


@pytest.mark.parametrize("text", [DEEP, "", "\0", None])
def test_a_record_that_is_none_is_refused(benchmark, text):
    (benchmark / RECORD).unlink()
    (benchmark / RECORD).mkdir() if text is None else (benchmark / RECORD).write_text(text)
    with pytest.raises(DataError, match=r"record\.json: not JSON"):
        load_pools([benchmark])


def test_measurements_that_would_fill_the_memory_are_not_unpacked(benchmark, monkeypatch):
    monkeypatch.setattr(reading, "LARGEST", 100)
    with pytest.raises(DataError, match=r"^gate: the measurements unpack to "):
        load_pools([benchmark])


@pytest.mark.parametrize("content", [b"\xff\xfe", None])
def test_evidence_that_does_not_tell_its_job_is_refused(tmp_path, content):
    if content is not None:
        (tmp_path / "job.json").write_bytes(content)
    with pytest.raises(DataError, match=r"^gate: the evidence has no readable job\.json"):
        evidence_job(tmp_path)


@pytest.mark.parametrize("text", [DEEP, '{"a":' * 100_000, f'{{"version": {"1" * 5000}}}'])
def test_a_job_that_exhausts_a_parser_is_refused(text):
    with pytest.raises(SpecError, match=r"^(job|version): "):
        JobSpec.from_text(text)


@pytest.mark.parametrize(
    "text", ["a\nb promoted as digits version 9", "a\x1b[2J", "a\u2028b", "a\u202eb", "a\rb"]
)
def test_what_a_gate_prints_cannot_pass_for_other_lines(text):
    RequestRecord(**REQUEST)
    for field in ("registered_model", "recipe", "requested_by", "alias_prefix"):
        with pytest.raises(ValidationError, match=field):
            RequestRecord(**REQUEST | {field: text})
    for about in ({"models": {text: "m"}}, {"pool": text}):
        with pytest.raises(ValidationError, match=next(iter(about))):
            Evidence.model_validate(ABOUT.model_dump() | about)
