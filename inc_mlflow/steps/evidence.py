"""What pools found out, from the directories that ``evaluate`` and ``benchmark`` left."""

import json
from collections.abc import Iterable, Iterator
from pathlib import Path

from inc_mlflow.errors import DataError
from inc_mlflow.measure.evidence import Measured
from inc_mlflow.records import RECORD, BenchmarkRecord, EvaluationRecord
from inc_mlflow.spec import ISAS, JobSpec
from inc_mlflow.steps.benchmark import LATENCIES, load_benchmark
from inc_mlflow.steps.evaluate import OUTCOMES, load_emulated, load_measured
from inc_mlflow.steps.raw import unpacked_bytes

JOB = "job.json"
"""The job's text, among the evidence."""
EVIDENCE = ("evaluation", "benchmark")
"""Steps whose records a gate judges by."""
_KINDS = {"outcomes_sha256": "evaluation", "latencies_sha256": "benchmark"}
"""What only the record of that kind has."""
_RAW = {"evaluation": OUTCOMES, "benchmark": LATENCIES}
LARGEST = 1 << 30
"""Bytes that the raw measurements of all pools may unpack to: a few kB in an archive can become all of a gate's memory."""


def measured(directories: Iterable[Path]) -> dict[str, Measured]:
    """Join evaluations and benchmarks by pool, emulated ones included; DataError where one is missing or stands twice."""
    found = [(directory, _kind(directory)) for directory in directories]
    _check_size([directory for directory, _ in found])
    benchmarks = _by_pool(load_benchmark(path) for path, kind in found if kind == "benchmark")
    evaluations = [path for path, kind in found if kind == "evaluation"]
    pools: dict[str, Measured] = {}
    for one in (one for path in evaluations for one in _evaluated(path)):
        pool = one.evaluation.evidence.pool
        if pool in pools:
            raise DataError(f"gate: pool {pool!r} is evaluated twice; give one evaluation of it")
        pools[pool] = Measured(one.evaluation, one.outcomes, benchmarks.pop(pool, None), one.classes, one.groups)
    if benchmarks or not pools:
        raise DataError(
            f"gate: no evaluation of {', '.join(benchmarks) or 'any pool'}; give the directory that `evaluate` left"
        )
    return pools


def evidence_files(directories: Iterable[Path]) -> dict[str, Path]:
    """Return every file that ``measured`` reads, under paths by step and pool, so that all pools stand side by side."""
    files: dict[str, Path] = {}
    for directory in directories:
        kind = _kind(directory)
        if kind == "evaluation":
            evaluated = EvaluationRecord.load(directory)
            pool, inside = evaluated.evidence.pool, ["", *evaluated.emulated]
        else:
            pool, inside = BenchmarkRecord.load(directory).evidence.pool, [""]
        names = [Path(folder, name) for folder in inside for name in (RECORD, _RAW[kind])]
        files |= {str(f"{kind}-{pool}" / name): directory / name for name in names}
    return files


def evidence_job(evidence: Path) -> JobSpec:
    """Return the job that evidence is of; DataError where it does not say."""
    try:
        return JobSpec.from_json((evidence / JOB).read_text())
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"gate: the evidence has no readable {JOB}; run the job again") from error


def _check_size(directories: Iterable[Path]) -> None:
    total = sum(unpacked_bytes(file) for directory in directories for file in directory.rglob("*.npz"))
    if total > LARGEST:
        raise DataError(f"gate: the measurements unpack to {total >> 20} MiB, more than {LARGEST >> 20}; measure on fewer rows")


def _kind(directory: Path) -> str:
    try:
        fields = json.loads((directory / RECORD).read_text())
    except (OSError, ValueError, RecursionError) as error:
        raise DataError(f"{directory / RECORD}: not JSON ({error}); run the step again") from error
    kind = next((kind for field, kind in _KINDS.items() if isinstance(fields, dict) and field in fields), None)
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


def _by_pool(records: Iterable[BenchmarkRecord]) -> dict[str, BenchmarkRecord]:
    found: dict[str, BenchmarkRecord] = {}
    for record in records:
        pool = record.evidence.pool
        if pool in found:
            raise DataError(f"gate: pool {pool!r} is benchmarked twice; give one")
        found[pool] = record
    return found
