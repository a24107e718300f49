"""Read what pools measured, from the directories that ``evaluate`` and ``benchmark`` left.

Records and their raw arrays are bound to each other: what changed since it was measured is refused.
"""

import json
from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import chain
from pathlib import Path

from inc_mlflow.errors import DataError
from inc_mlflow.measure.gate.measured import Measured
from inc_mlflow.metrics.resolve import further_metrics, score_range
from inc_mlflow.records import RECORD, BenchmarkRecord, EvaluationRecord
from inc_mlflow.records.measurements import CLASSES, CONSTANT, GROUPS, split_by_metric
from inc_mlflow.records.sealed_arrays import load_raw, unpacked_bytes
from inc_mlflow.spec import ISAS, Isa, JobSpec, emulated_pool

OUTCOMES, LATENCIES = "outcomes.npz", "latencies.npz"
JOB = "job.json"
"""The job's text, among the evidence."""
EVIDENCE_STEPS = ("evaluation", "benchmark")
"""Steps whose records a gate judges by."""
_KINDS = {"outcomes_sha256": "evaluation", "latencies_sha256": "benchmark"}
"""Fields that only the record of one kind has."""
_RAW = {"evaluation": OUTCOMES, "benchmark": LATENCIES}
LARGEST = 1 << 30
"""Bytes that the raw measurements of all pools may unpack to: a few kB in an archive can become all of a
gate's memory."""


def load_pools(directories: Iterable[Path]) -> dict[str, Measured]:
    """Join evaluations and benchmarks by pool, emulated ones included; each directory is that of a step.

    Raises DataError where one is missing, is given twice, or changed since it was measured.
    """
    found = [(directory, _kind(directory)) for directory in directories]
    _check_size([directory for directory, _ in found])
    benchmarks = _by_pool(load_benchmark(path) for path, kind in found if kind == "benchmark")
    evaluations = [path for path, kind in found if kind == "evaluation"]
    pools: dict[str, Measured] = {}
    for one in chain.from_iterable(map(_evaluated, evaluations)):
        pool = one.evaluation.evidence.pool
        if pool in pools:
            raise DataError(f"gate: pool {pool!r} is evaluated twice; give one evaluation of it")
        pools[pool] = replace(one, benchmark=benchmarks.pop(pool, None))
    if benchmarks or not pools:
        missing = ", ".join(benchmarks) or "any pool"
        raise DataError(f"gate: no evaluation of {missing}; give the directory that `evaluate` left")
    return pools


def find_pools(directories: list[Path]) -> dict[str, Measured]:
    """Do the same where a directory may also be a state folder, which holds those of steps.

    Raises DataError as ``load_pools`` does, and where a directory holds no record.
    """
    return load_pools([step for directory in directories for step in _steps(directory)])


def pools_of_job(job: JobSpec, found: dict[str, Measured]) -> dict[str, Measured]:
    """Return all pools of a job, in its order.

    Raises DataError where one is missing, is not the job's, or was evaluated with another range of scores or
    other groups than the job says.
    """
    expected = [*job.real_pools, *map(emulated_pool, job.emulated)]
    if set(found) != set(expected):
        raise DataError(
            f"gate: the job asks for the pools {', '.join(expected)}; there are records of {', '.join(found)}"
        )
    first, group = next(iter(job.all_metrics.values())), job.data.group
    between, further = score_range(first), further_metrics(job)
    for pool, one in found.items():
        record = one.evaluation
        if (record.score_range, record.group) != (between, group):
            raise DataError(
                f"gate: pool {pool!r} was evaluated with scores in {list(record.score_range)} and groups of "
                f"{record.group}; the job says {list(between)} and {group}; evaluate again"
            )
        if list(record.further.items()) != list(further.items()):
            names = ", ".join([record.metric, *record.further])
            raise DataError(
                f"gate: pool {pool!r} was evaluated by {names}; the job says "
                f"{', '.join([first.called, *further])}, or gives them other limits; evaluate again"
            )
    return {pool: found[pool] for pool in expected}


def evidence_files(directories: Iterable[Path]) -> dict[str, Path]:
    """Return every file that ``load_pools`` reads, under paths by step and pool.

    So the files of all pools fit into one folder. Raises DataError where a directory holds no record of a
    step.
    """
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
    """Return the job that evidence belongs to. Raises DataError where its text is missing or no job."""
    try:
        return JobSpec.from_json((evidence / JOB).read_text())
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"gate: the evidence has no readable {JOB}; run the job again") from error


def load_measured(directory: Path, record: EvaluationRecord, benchmark: BenchmarkRecord | None) -> Measured:
    """Join an evaluation with its outcomes by model. Raises DataError where they changed since."""
    if list(record.further) != list(record.further_results):
        raise DataError(f"{directory}: has not the results of its metrics; evaluate again")
    arrays = load_raw(directory / OUTCOMES, record, record.outcomes_sha256)
    first, *others = split_by_metric(arrays, 1 + len(record.further))
    classes, groups, constant = (first.pop(name, None) for name in (CLASSES, GROUPS, CONSTANT))
    further = [
        Measured.by_further(record, name, outcomes, groups)
        for name, outcomes in zip(record.further, others, strict=True)
    ]
    return Measured(record, first, benchmark, classes, groups, constant, tuple(further))


def load_emulated(directory: Path, record: EvaluationRecord, isa: Isa) -> EvaluationRecord:
    """Read the record of an emulated pool that belongs to an evaluation.

    Raises DataError where there is none, or where it changed since.
    """
    if isa not in record.emulated:
        raise DataError(f"{directory}: holds no evaluation on {emulated_pool(isa)}; evaluate again")
    emulated = EvaluationRecord.load(directory / isa)
    if emulated.identity() != record.emulated[isa]:
        raise DataError(f"{directory / isa}: changed since it was measured; evaluate again")
    return emulated


def load_benchmark(directory: Path) -> BenchmarkRecord:
    """Read a benchmark. Raises DataError where its record or its latencies changed since it was made."""
    record = BenchmarkRecord.load(directory)
    load_raw(directory / LATENCIES, record, record.latencies_sha256)
    return record


def _check_size(directories: Iterable[Path]) -> None:
    total = sum(unpacked_bytes(file) for directory in directories for file in directory.rglob("*.npz"))
    if total > LARGEST:
        raise DataError(
            f"gate: the measurements unpack to {total >> 20} MiB, more than {LARGEST >> 20}; "
            "measure on fewer rows"
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
    inside = sorted(step.parent for name in EVIDENCE_STEPS for step in directory.glob(f"{name}*/{RECORD}"))
    if (directory / RECORD).is_file():
        yield directory
    elif inside:
        yield from inside
    else:
        raise DataError(
            f"{directory}: holds no {RECORD}; "
            "give a directory of `evaluate` or `benchmark`, or a job's state folder"
        )
