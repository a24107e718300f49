"""The gate on its own, for the command line: over the records that steps left, on one pool or on many."""

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from inc_mlflow.errors import DataError
from inc_mlflow.measure.evidence import Measured
from inc_mlflow.measure.gate import judge
from inc_mlflow.records import BASELINE, RECORD, EvaluationRecord, Model
from inc_mlflow.spec import ISAS, GateSpec
from inc_mlflow.steps.benchmark import load_benchmark
from inc_mlflow.steps.evaluate import load_emulated, load_measured

_STEPS = ("evaluation", "benchmark")


def judge_records(directories: list[Path], gate: GateSpec) -> dict[str, Any]:
    """Judge what the steps ``evaluate`` and ``benchmark`` left, of any number of pools; also a job's whole state folder."""
    found = [step for directory in directories for step in _steps(directory)]
    benchmarks = _by_pool((load_benchmark(path) for path, kind in found if kind == "benchmark"), "benchmarked")
    evaluations = [path for path, kind in found if kind == "evaluation"]
    pools: dict[str, Measured] = {}
    for measured in (one for path in evaluations for one in _evaluated(path)):
        pool = measured.evaluation.evidence.pool
        if pool in pools:
            raise DataError(f"gate: pool {pool!r} is evaluated twice; give one evaluation of it")
        pools[pool] = Measured(measured.evaluation, measured.outcomes, benchmarks.pop(pool, None), measured.classes)
    if benchmarks or not pools:
        raise DataError(
            f"gate: no evaluation of {', '.join(benchmarks) or 'any pool'}; give the directory that `evaluate` left"
        )
    judged = judge(_models(next(iter(pools.values())).evaluation), pools, gate)
    return judged.model_dump(mode="json", include={"verdict", "reasons", "table", "policy_sha256"}) | {
        "best": judged.best().model_dump(mode="json")
    }


def _steps(directory: Path) -> Iterator[tuple[Path, str]]:
    """Yield step directories with their kind: this one, or those inside a state folder."""
    if (directory / RECORD).is_file():
        yield directory, _kind(directory)
    elif any((directory / name / RECORD).is_file() for name in _STEPS):
        yield from ((directory / name, name) for name in _STEPS if (directory / name / RECORD).is_file())
    else:
        raise DataError(
            f"{directory}: holds no {RECORD}; give a directory of `evaluate` or `benchmark`, or a job's state folder"
        )


def _kind(directory: Path) -> str:
    try:
        fields = json.loads((directory / RECORD).read_text())
    except ValueError as error:
        raise DataError(f"{directory / RECORD}: not JSON ({error}); run the step again") from error
    kinds = {"outcomes_sha256": "evaluation", "latencies_sha256": "benchmark"}
    kind = next((kind for field, kind in kinds.items() if isinstance(fields, dict) and field in fields), None)
    if kind is None:
        raise DataError(f"{directory / RECORD}: neither an evaluation nor a benchmark; give directories of those steps")
    return kind


def _evaluated(directory: Path) -> Iterator[Measured]:
    """Yield an evaluation and those on emulated pools beside it."""
    record = EvaluationRecord.load(directory)
    yield load_measured(directory, record, None)
    if unknown := set(record.emulated) - set(ISAS):
        raise DataError(f"{directory}: {sorted(unknown)[0]!r} is no instruction set; there are {', '.join(ISAS)}")
    for isa in (isa for isa in ISAS if isa in record.emulated):
        yield load_measured(directory / isa, load_emulated(directory, record, isa), None)


def _by_pool(records: Iterable[Any], what: str) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for record in records:
        pool = record.evidence.pool
        if pool in found:
            raise DataError(f"gate: pool {pool!r} is {what} twice; give one")
        found[pool] = record
    return found


def _models(record: EvaluationRecord) -> list[Model]:
    """List the models of an evaluation, baseline first; where their files are, a record does not know."""
    labels = sorted(record.results, key=lambda label: label != BASELINE)
    if BASELINE not in record.results:
        raise DataError("gate: the evaluation has no baseline to compare with; evaluate again")
    digests, sizes = record.evidence.models, {label: one.size_bytes for label, one in record.results.items()}
    return [Model(label=one, path="", sha256=digests.get(one, ""), size_bytes=sizes[one]) for one in labels]
