"""Runs as a job leaves them in MLflow, without a job."""

from itertools import count
from types import SimpleNamespace

from mlflow.entities import Metric, Run, RunData, RunInfo, RunTag

from inc_mlflow.spec import JobSpec

JOB = "the job"
SPEC = JobSpec.from_text(
    "{version: 1, name: a, model: a.onnx, data: {validation: {path: a.npz}}, metric: top1, "
    "recipes: [{method: dynamic}]}"
)


def numbers(**given: float | None) -> dict[str, float]:
    """Spread values to what runs hold: each with bounds a hundredth away, where it has any."""
    single = {
        name: value for name, value in given.items() if value is not None and name in {"size_mb", "p99_ms"}
    }
    known = {name: value for name, value in given.items() if value is not None and name not in single}
    ends = {
        f"{name}_{end}": value + by
        for name, value in known.items()
        for end, by in (("low", -0.01), ("high", 0.01))
    }
    return single | known | ends


class Runs:
    """Makes runs with ids and times that grow."""

    def __init__(self) -> None:
        self._numbers = count(1)

    def run(
        self, role: str, metrics: dict[str, float], parent: str | None = JOB, run_id: str = "", **tags: str
    ) -> Run:
        number = next(self._numbers)
        named = {"inc.role": role} | ({"mlflow.parentRunId": parent} if parent else {})
        named |= {f"inc.{name}": value for name, value in tags.items()}
        info = RunInfo(
            run_id=run_id or f"run {number:04}", experiment_id="1", user_id="", status="FINISHED",
            start_time=number, end_time=number, lifecycle_stage="active",
        )  # fmt: skip
        points = [Metric(name, value, number, 0) for name, value in metrics.items()]
        return Run(info, RunData(metrics=points, tags=[RunTag(name, value) for name, value in named.items()]))

    def candidate(self, sha256: str, verdict: str, parent: str = JOB, **given: float | None) -> Run:
        tags = {"sha256": sha256, "verdict": verdict, "recipe": f"recipe {sha256}", "model_id": f"m-{sha256}"}
        return self.run("candidate", numbers(**given), parent, **tags)

    def measurement(
        self, sha256: str, pool: str, verdict: str, parent: str = JOB, **given: float | None
    ) -> Run:
        tags = {
            "sha256": sha256,
            "pool": pool,
            "verdict": verdict,
            "recipe": f"recipe {sha256}",
            "model_id": f"m-{sha256}",
        }
        return self.run("measurement", numbers(**given), parent, **tags)

    def job(self, run_id: str = JOB, **tags: str) -> Run:
        return self.run("job", {}, None, run_id, **tags)


class Page(list):
    """A page of an answer."""

    token: str | None = None


class Careless:
    """A server that neither filters nor sorts, and answers a few runs at a time."""

    def __init__(self, runs: list[Run], size: int) -> None:
        self._runs, self._size = runs, size

    def get_experiment_by_name(self, name: str) -> SimpleNamespace:
        return SimpleNamespace(name=name, experiment_id="1")

    def search_runs(self, experiments: list[str], asked: str, page_token: str | None = None) -> Page:
        start = int(page_token or 0)
        page = Page(self._runs[start : start + self._size])
        page.token = str(start + self._size) if start + self._size < len(self._runs) else None
        return page
