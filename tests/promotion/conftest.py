"""The gate's own data, what a pipeline measured, and one whose candidate lost its sense."""

import shutil

import pytest

from inc_mlflow.measure.gate.measurements import find_pools
from inc_mlflow.records import BASELINE, CandidatesRecord, JudgementRecord
from tests.support.brief_benchmarks import brief_benchmarks
from tests.support.forged_evidence import copied, damaged, forged


@pytest.fixture(scope="session")
def trusted(measured, tmp_path_factory):
    """The gate's own data: a copy that only it can write."""
    folder = tmp_path_factory.mktemp("trusted")
    shutil.copyfile(measured / "dev.npz", folder / "dev.npz")
    return folder


@pytest.fixture(scope="session")
def broken(measured, tmp_path_factory):
    """The same job with a candidate that lost its sense: honest numbers say so."""
    from inc_mlflow.steps.judge.gate import gate
    from inc_mlflow.steps.measure.benchmark import benchmark
    from inc_mlflow.steps.measure.evaluate import evaluate

    other = type(measured)(tmp_path_factory.mktemp("broken"))
    for step in ("baseline", "champion", "candidates"):
        shutil.copytree(measured / step, other / step)
    made = CandidatesRecord.load(other / "candidates")
    bad = damaged(
        next(one for one in made.candidates if one.sha256 == measured.judgement.best().sha256),
        other / "candidates",
    )
    made.model_copy(update={"candidates": (bad,)}).save(other / "candidates")
    models = other.of("baseline", "champion", "candidates")
    evaluate(other.job, other / "evaluation", **models)
    with brief_benchmarks():
        benchmark(other.job, other / "benchmark", **models)
    gate(other.job, other / "honest", **models, records=[other / "evaluation", other / "benchmark"])
    assert JudgementRecord.load(other / "honest").verdict == "fail"
    evaluation = forged(other, other / "forged", copied(bad.label))
    gate(other.job, other / "judgement", **models, records=[evaluation, other / "benchmark"])
    assert other.judgement.verdict == "pass"
    return other


@pytest.fixture
def pools(measured):
    return find_pools([measured / "evaluation", measured / "benchmark"])


@pytest.fixture
def models(measured):
    made = CandidatesRecord.load(measured / "candidates").candidates
    files = {candidate.label: measured / "candidates" / candidate.path for candidate in made}
    best = measured.judgement.best().recipe
    return {BASELINE: measured / "baseline" / "model.onnx", best: files[best]}
