"""One execution of a job: all that its runs in MLflow say, and where they stand there."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from inc_mlflow.files import sha256_text
from inc_mlflow.records import HostFacts, JudgementRecord, Row
from inc_mlflow.tracking.runs.tagged_runs import PARENT, ROLE, ensure_run

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Run

    from inc_mlflow.measure.gate.evidence import Measured
    from inc_mlflow.tracking.flavors.flavor import LoggedInterface


@dataclass(frozen=True)
class Session:
    """One execution of a job: its key makes every retry find the runs that it began."""

    key: str
    name: str
    judgement: JudgementRecord
    pools: "Mapping[str, Measured]"
    required: tuple[str, ...]
    """The pools whose speed counts."""
    interfaces: "Mapping[str, LoggedInterface]"
    """By engine."""
    digests: Mapping[str, str]
    """Names and sha256 of job, source and validation rows."""
    files: Mapping[str, Path]
    """Model files of baseline and candidates, by sha256."""
    logged: Mapping[str, str]
    """Ids of the models that were logged long ago, by sha256: the champion's."""
    texts: Mapping[str, Mapping[str, str]]
    """Text artifacts of candidates: sha256 of the model -> file name -> text."""
    ended: tuple[str, ...] = ()
    """Keys of executions before this one that cannot be alive any more."""

    def run_key(self, *parts: str) -> str:
        """Name one run of this execution.

        A job judged anew, with a champion that was not there before, has new runs.
        """
        return sha256_text(" ".join([self.key, self.judgement.identity(), *parts]))

    def facts(self, pool: str = "") -> dict[str, str]:
        """Return what all numbers of a pool, by default the first, are bound to."""
        evaluation = (self.pools[pool] if pool else next(iter(self.pools.values()))).evaluation
        digests = {f"inc.{name}_sha256": digest for name, digest in self.digests.items()}
        return {"inc.metric": evaluation.metric} | _host(evaluation.evidence.host) | digests

    def slowest(self, row: Row) -> str:
        """Return the required pool that a row of the table shows the speed of.

        Without a number is slowest.
        """
        speeds = {pool: row.per_pool[pool].speedup for pool in self.required}
        return min(speeds, key=lambda pool: speed.low if (speed := speeds[pool]) else float("-inf"))


@dataclass(frozen=True)
class Log:
    """The parent run of a session, and the children below it."""

    client: "MlflowClient"
    experiment_id: str
    parent: str
    session: Session

    def child(self, role: str, name: str, *parts: str) -> "Run":
        """Return the child that ``parts`` name, made once."""
        key = self.session.run_key(role, *parts)
        return ensure_run(self.client, self.experiment_id, key, name, {ROLE: role, PARENT: self.parent})


def _host(host: HostFacts) -> dict[str, str]:
    known = {"gpu": host.gpu, "instance_type": host.instance_type, "governor": host.governor}
    facts = {"cpu": host.cpu, "isa": _joined(host.isa), "cores": str(host.cores), "system": host.system}
    facts |= {name: value for name, value in known.items() if value is not None}
    runtime = {f"runtime.{name}": version for name, version in host.runtime.items()}
    return {f"inc.{name}": value for name, value in (facts | runtime).items()}


def _joined(names: Iterable[str]) -> str:
    return " ".join(names) or "none"
