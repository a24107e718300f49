"""What pools found out, from the directories that ``evaluate`` and ``benchmark`` left."""

import json
from collections.abc import Iterable, Iterator
from pathlib import Path

from inc_mlflow.errors import DataError
from inc_mlflow.measure.gate.evidence import Measured
from inc_mlflow.measure.gate.measurements import (
    LATENCIES,
    OUTCOMES,
    load_benchmark,
    load_emulated,
    load_measured,
)
from inc_mlflow.metrics.resolve import score_range
from inc_mlflow.records import RECORD, BenchmarkRecord, EvaluationRecord
from inc_mlflow.records.sealed_arrays import unpacked_bytes
from inc_mlflow.spec import ISAS, JobSpec, emulated_pool

JOB = "job.json"
"""The job's text, among the evidence."""
EVIDENCE = ("evaluation", "benchmark")
"""Steps whose records a gate judges by."""
_KINDS = {"outcomes_sha256": "evaluation", "latencies_sha256": "benchmark"}
"""What only the record of that kind has."""
_RAW = {"evaluation": OUTCOMES, "benchmark": LATENCIES}
LARGEST = 1 << 30
"""Bytes that the raw measurements of all pools may unpack to: a few kB in an archive can become all of a
gate's memory."""


def measured(directories: Iterable[Path]) -> dict[str, Measured]:
    """Join evaluations and benchmarks by pool, emulated ones included.

    DataError where one is missing or stands twice.
    """
    found = [(directory, _kind(directory)) for directory in directories]
    _check_size([directory for directory, _ in found])
    benchmarks = _by_pool(load_benchmark(path) for path, kind in found if kind == "benchmark")
    evaluations = [path for path, kind in found if kind == "evaluation"]
    pools: dict[str, Measured] = {}
    for one in (one for path in evaluations for one in _evaluated(path)):
        pool = one.evaluation.evidence.pool
        if pool in pools:
            raise DataError(f"gate: pool {pool!r} is evaluated twice; give one evaluation of it")
        pools[pool] = Measured(
            one.evaluation, one.outcomes, benchmarks.pop(pool, None), one.classes, one.groups
        )
    if benchmarks or not pools:
        raise DataError(
            f"gate: no evaluation of {', '.join(benchmarks) or 'any pool'}; give the directory that `evaluate` left"
        )
    return pools


def pools_of(directories: list[Path]) -> dict[str, Measured]:
    """Read what all pools found out; each directory is that of a step, or holds such."""
    return measured([step for directory in directories for step in _steps(directory)])


def of_job(job: JobSpec, found: dict[str, Measured]) -> dict[str, Measured]:
    """Return the pools in the job's order, all of them.

    DataError where one is missing, or is not the job's.
    """
    expected = [*job.real_pools, *map(emulated_pool, job.emulated)]
    if set(found) != set(expected):
        raise DataError(
            f"gate: the job asks for the pools {', '.join(expected)}; there are records of {', '.join(found)}"
        )
    between = score_range(job.metric)
    for pool, one in found.items():
        said = one.evaluation.score_range, one.evaluation.group
        if said != (between, job.data.group):
            raise DataError(
                f"gate: pool {pool!r} was evaluated with scores in {list(said[0])} and groups of {said[1]}; the job says "
                f"{list(between)} and {job.data.group}; evaluate again"
            )
    return {pool: found[pool] for pool in expected}


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
        raise DataError(
            f"gate: the measurements unpack to {total >> 20} MiB, more than {LARGEST >> 20}; measure on fewer rows"
        )


def _kind(directory: Path) -> str:
    try:
        fields = json.loads((directory / RECORD).read_text())
    except (OSError, ValueError, RecursionError) as error:
        raise DataError(f"{directory / RECORD}: not JSON ({error}); run the step again") from error
    kind = next(
        (kind for field, kind in _KINDS.items() if isinstance(fields, dict) and field in fields), None
    )
    if kind is None:
        raise DataError(
            f"{directory / RECORD}: neither an evaluation nor a benchmark; give directories of those steps"
        )
    return kind


def _evaluated(directory: Path) -> Iterator[Measured]:
    """Yield an evaluation and those on emulated pools beside it."""
    record = EvaluationRecord.load(directory)
    yield load_measured(directory, record, None)
    if unknown := set(record.emulated) - set(ISAS):
        raise DataError(
            f"{directory}: {sorted(unknown)[0]!r} is no instruction set; there are {', '.join(ISAS)}"
        )
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


def _steps(directory: Path) -> Iterator[Path]:
    """Yield step directories: this one, or those inside a state folder."""
    inside = sorted(step.parent for name in EVIDENCE for step in directory.glob(f"{name}*/{RECORD}"))
    if (directory / RECORD).is_file():
        yield directory
    elif inside:
        yield from inside
    else:
        raise DataError(
            f"{directory}: holds no {RECORD}; give a directory of `evaluate` or `benchmark`, or a job's state folder"
        )
