"""One execution of a job: what its runs in MLflow say, and the parent run that they stand below."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from inc_mlflow.files import sha256_text
from inc_mlflow.measure.gate.order import in_order
from inc_mlflow.records import HostFacts, Interval, JudgementRecord, PoolResult, Row
from inc_mlflow.records.training import TrainingFacts
from inc_mlflow.tracking.runs.numbers import standing_metrics
from inc_mlflow.tracking.runs.tagged_runs import PARENT, ROLE, ensure_run

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Run

    from inc_mlflow.measure.gate.measured import Measured
    from inc_mlflow.tracking.flavors.flavor import LoggedInterface


@dataclass(frozen=True)
class Execution:
    """One execution of a job; by its key every retry finds the runs that it began."""

    key: str
    name: str
    judgement: JudgementRecord
    pools: "Mapping[str, Measured]"
    required: tuple[str, ...]
    """Pools whose speed counts."""
    interfaces: "Mapping[str, LoggedInterface]"
    """By engine."""
    digests: Mapping[str, str]
    """Names and sha256 of job, source and validation rows."""
    files: Mapping[str, Path]
    """Model files of baseline and candidates, by sha256."""
    logged: Mapping[str, str]
    """Ids of models that were logged before, by sha256: the champion's."""
    texts: Mapping[str, Mapping[str, str]]
    """Text artifacts of candidates: sha256 of the model -> file name -> text."""
    framework: Mapping[str, str] = field(default_factory=dict)
    """The framework of the source, and how near the baseline is to it; empty for an ONNX file."""
    training: Mapping[str, TrainingFacts] = field(default_factory=dict)
    """Sha256 of the model -> how it was trained, of those that were."""
    ended: tuple[str, ...] = ()
    """Keys of earlier executions that cannot be alive any more."""

    def run_key(self, *parts: str) -> str:
        """Return the key of one run of this execution; another judgement has other runs."""
        return sha256_text(" ".join([self.key, self.judgement.identity(), *parts]))

    def facts(self, pool: str = "") -> dict[str, str]:
        """Return the params that all metrics of a pool depend on; by default of the first pool."""
        evaluation = (self.pools[pool] if pool else next(iter(self.pools.values()))).evaluation
        digests = {f"inc.{name}_sha256": digest for name, digest in self.digests.items()}
        framework = {f"inc.source_{name}": text for name, text in self.framework.items()}
        further = {"inc.further_metrics": ", ".join(evaluation.further)} if evaluation.further else {}
        host = _host(evaluation.evidence.host)
        return {"inc.metric": evaluation.metric} | further | host | digests | framework

    def standing(self, row: Row, pool: str = "") -> float | None:
        """Return the key that sorts a row by its place in the table, or by that among a pool's numbers.

        None of a baseline.
        """
        rows = list(self.judgement.candidates)
        if pool:
            on_pool = [one.model_copy(update=_numbers_of(one.per_pool[pool])) for one in rows]
            rows = in_order(on_pool, self.judgement.metric.higher_is_better)
        return standing_metrics(rows).get(row.sha256) if row.verdict else None

    def slowest(self, row: Row) -> str:
        """Return the required pool with a row's lowest speed-up; a missing number is lowest."""
        speeds = {pool: row.per_pool[pool].speedup for pool in self.required}
        return min(speeds, key=lambda pool: speed.low if (speed := speeds[pool]) else float("-inf"))


@dataclass(frozen=True)
class ExecutionLog:
    """The parent run of an execution, below which its children are written."""

    client: "MlflowClient"
    experiment_id: str
    parent: str
    execution: Execution

    def child(self, role: str, name: str, *parts: str) -> "Run":
        """Return the child run that ``parts`` name, created once."""
        key = self.execution.run_key(role, *parts)
        return ensure_run(self.client, self.experiment_id, key, name, {ROLE: role, PARENT: self.parent})


def _numbers_of(result: PoolResult) -> dict[str, Interval | None]:
    """The verdict stays that of the whole row: what fails elsewhere is no better for this pool."""
    return {
        "accuracy": result.accuracy,
        "relative_drop": result.relative_drop,
        "speedup": result.speedup,
    }


def _host(host: HostFacts) -> dict[str, str]:
    known = {"gpu": host.gpu, "instance_type": host.instance_type, "governor": host.governor}
    facts = {"cpu": host.cpu, "isa": _joined(host.isa), "cores": str(host.cores), "system": host.system}
    facts |= {name: value for name, value in known.items() if value is not None}
    runtime = {f"runtime.{name}": version for name, version in host.runtime.items()}
    return {f"inc.{name}": value for name, value in (facts | runtime).items()}


def _joined(names: Iterable[str]) -> str:
    return " ".join(names) or "none"
