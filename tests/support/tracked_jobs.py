"""Fixtures: the digits example measured once, and the MLflow stores that tests log it to."""

import itertools
import os
import platform
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.parse import unquote, urlsplit

import pytest

from inc_mlflow.records import ChampionRecord, JudgementRecord, TrackingRecord
from inc_mlflow.spec import Job
from inc_mlflow.tracking.server.connection import Stores, connected
from tests.support.brief_benchmarks import brief_benchmarks
from tests.support.paths import EXAMPLE, ROOT

JOB = """
version: 1
name: digits
model: fp32.onnx
data:
  calibration: {path: calib.npz, samples: 100}
  validation: {path: dev.npz}
metric: top1
recipes: [{method: static}, {method: static, activation_type: QInt8}]
"""

FOLDERS = ("promotion", "steps/judge", "steps/report", "tracking")
"""Folders whose tests load MLflow in this process."""
MLFLOWS_OWN = (
    "ignore::sqlalchemy.exc.SADeprecationWarning",
    "ignore:.*Any type hint is inferred:UserWarning",
)
"""Warnings about MLflow's code, which its servers and command line keep to themselves."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if _loads_mlflow(item.path):
            for warning in MLFLOWS_OWN:
                item.add_marker(pytest.mark.filterwarnings(warning))


def _loads_mlflow(file: Path) -> bool:
    return any(file.is_relative_to(ROOT / "tests" / folder) for folder in FOLDERS)


class Measured:
    """A job whose steps up to the judgement are done, each in a directory of its name."""

    def __init__(self, folder: Path, job: str = JOB) -> None:
        self.folder = folder
        folder.mkdir(exist_ok=True)
        for file in [*EXAMPLE.glob("*.npz"), EXAMPLE / "fp32.onnx"]:
            shutil.copyfile(file, folder / file.name)
        (folder / "job.yaml").write_text(job)
        self.job = Job.load(folder / "job.yaml")

    def __truediv__(self, step: str) -> Path:
        return self.folder / step

    def of(self, *steps: str) -> dict[str, Path]:
        return {step: self / step for step in steps}

    @property
    def judgement(self) -> JudgementRecord:
        return JudgementRecord.load(self / "judgement")

    def measure(self) -> "Measured":
        from inc_mlflow.steps.compress.quantize import quantize
        from inc_mlflow.steps.judge.gate import gate
        from inc_mlflow.steps.measure.benchmark import benchmark
        from inc_mlflow.steps.measure.evaluate import evaluate
        from inc_mlflow.steps.prepare.calibrate import calibrate
        from inc_mlflow.steps.prepare.fetch_champion import fetch_champion
        from inc_mlflow.steps.prepare.import_model import import_model

        import_model(self.job, self / "baseline")
        fetch_champion(self.job, self / "champion")
        calibrate(self.job, self / "ranges", **self.of("baseline"))
        quantize(self.job, self / "candidates", **self.of("baseline", "ranges"))
        models = self.of("baseline", "champion", "candidates")
        evaluate(self.job, self / "evaluation", **models)
        with brief_benchmarks():
            benchmark(self.job, self / "benchmark", **models)
        gate(self.job, self / "judgement", **models, records=[self / "evaluation", self / "benchmark"])
        return self

    def write(self, name: str, text: str) -> Path:
        (self / name).write_text(text)
        return self / name

    def champion(self, folder: Path, version: str) -> Path:
        """Return the directory of a champion step that found another version."""
        record = ChampionRecord.load(self / "champion").model_copy(update={"version": version})
        folder.mkdir()
        record.save(folder)
        return folder

    def track(
        self,
        target: Path,
        job: Job | None = None,
        judgement: Path | None = None,
        records: list[Path] | None = None,
        candidates: Path | None = None,
        session: str = "the-session",
    ) -> TrackingRecord:
        from inc_mlflow.steps.report.track import track
        from inc_mlflow.steps.step import SESSION

        os.environ[SESSION] = session  # plain_environment takes it away
        return track(
            job or self.job,
            target / "tracking",
            baseline=self / "baseline",
            candidates=candidates or self / "candidates",
            judgement=judgement or self / "judgement",
            records=records or [self / "evaluation", self / "benchmark"],
        )

    def request(self, target: Path) -> str:
        """Request promotion of what was tracked; return the run that holds the request."""
        from inc_mlflow.steps.judge.request import request_promotion

        steps = self.of("champion", "judgement") | {"tracking": target / "tracking"}
        return request_promotion(self.job, target / "request", **steps).run_id


class Store:
    """A local MLflow store, through MLflow's own client."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.stores = Stores(f"sqlite:///{folder}/mlflow.db", f"sqlite:///{folder}/mlflow.db")
        with connected(self.stores) as client:
            self.client = client

    def run(self, run_id: str) -> Any:
        return self.client.get_run(run_id)

    def tags(self, run_id: str) -> dict[str, str]:
        return dict(self.run(run_id).data.tags)

    def file(self, run_id: str, path: str) -> Path:
        """Return where an artifact of a run really is, to be spoiled."""
        return self.local(self.client.get_run(run_id).info.artifact_uri) / path

    @staticmethod
    def local(uri: str) -> Path:
        return Path(unquote(urlsplit(uri).path))

    def promote(self, sha256: str, model_id: str | None = None, **fields: Any) -> str:
        """Make some model the champion, through the ledger, and return its version."""
        from inc_mlflow.tracking.registry.create_ledger import create_ledger
        from inc_mlflow.tracking.registry.ledger_turn import ledger_turn
        from inc_mlflow.tracking.registry.versions import register_version

        if model_id is None:
            experiment = self.client.create_experiment("elsewhere")
            model_id = self.client.create_logged_model(
                experiment, "another", params={"inc.sha256": sha256}
            ).model_id
        create_ledger(self.client, "digits")
        with ledger_turn(self.client, "digits") as turn:
            version, *_ = register_version(self.client, "digits", model_id, sha256, {}, {model_id: True})
            marks = {"alias": "int8-champion", "version": version, "sha256": sha256, "model_id": model_id}
            turn.write("promoted", recipe="another", **marks | fields)
        return version

    def versions(self) -> list[str]:
        return sorted(str(one.version) for one in self.client.search_model_versions())

    def champion(self) -> str | None:
        aliases = [model.aliases for model in self.client.search_registered_models()]
        return str(aliases[0]["int8-champion"]) if aliases and aliases[0] else None


@pytest.fixture(autouse=True)
def plain_environment(request: pytest.FixtureRequest) -> Iterator[None]:
    """In FOLDERS, begin and end without variables of ours and of MLflow's.

    MLflow writes the store that it talks to into the environment, also for the fixtures that live longer than
    a test: jobs of later tests would go there.
    """
    if not _loads_mlflow(request.path):
        yield
        return
    before = {
        name: value for name, value in os.environ.items() if not name.startswith(("MLFLOW_", "INC_MLFLOW_"))
    }
    os.environ.clear()
    os.environ.update(before)
    yield
    os.environ.clear()
    os.environ.update(before)


@pytest.fixture(scope="session")
def measured(tmp_path_factory: pytest.TempPathFactory) -> Measured:
    return Measured(tmp_path_factory.mktemp("measured")).measure()


@pytest.fixture(scope="session")
def job_in() -> type[Measured]:
    """Give the class, for tests whose job is another."""
    return Measured


@pytest.fixture(scope="session")
def store_at() -> type[Store]:
    """Give the class, for tests that keep a store longer than one test."""
    return Store


@pytest.fixture(scope="session")
def two_pools(measured: Measured, tmp_path_factory: pytest.TempPathFactory) -> SimpleNamespace:
    """The same job judged on two pools; this machine stands in for the other."""
    from inc_mlflow.steps.judge.gate import gate
    from inc_mlflow.steps.measure.benchmark import benchmark
    from inc_mlflow.steps.measure.evaluate import evaluate

    folder = tmp_path_factory.mktemp("two")
    stand_in = f"pools: [local, other]\nplacement: {{other: {{expect: {{arch: {platform.machine()}}}}}}}\n"
    job = Job.load(measured.write("two.yaml", (measured / "job.yaml").read_text() + stand_in))
    models, other = measured.of("baseline", "champion", "candidates"), Job(job.spec, job.root, on="other")
    evaluate(other, folder / "artifact 1", **models)
    benchmark(other, folder / "artifact 2", **models)
    records = [measured / "evaluation", measured / "benchmark", folder / "artifact 1", folder / "artifact 2"]
    table = gate(job, folder / "judgement", **models, records=records).table
    return SimpleNamespace(job=job, judgement=folder / "judgement", records=records, table=table)


@pytest.fixture(scope="session")
def empty_store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """MLflow takes seconds to make its tables: they are made once and copied."""
    _leave_the_disk_alone()
    return Store(tmp_path_factory.mktemp("store")).folder / "mlflow.db"


def _leave_the_disk_alone() -> None:
    """Let SQLite in this process not wait until the disk has what it commits; only a power cut would show."""
    from sqlalchemy import Engine, event

    @event.listens_for(Engine, "connect")
    def connected_to(connection: Any, _record: object) -> None:
        if isinstance(connection, sqlite3.Connection):
            connection.execute("PRAGMA synchronous = OFF")


@pytest.fixture
def new_store(empty_store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[], Store]:
    """Give a function that makes a store, which steps talk to from then on."""
    count = itertools.count(1)

    def make() -> Store:
        folder = tmp_path / f"store {next(count)}"
        folder.mkdir()
        shutil.copyfile(empty_store, folder / "mlflow.db")
        store = Store(folder)
        monkeypatch.setenv("MLFLOW_TRACKING_URI", store.stores.tracking_uri)
        return store

    return make


@pytest.fixture
def store(new_store: Callable[[], Store]) -> Store:
    return new_store()


@pytest.fixture
def requested(measured: Measured, store: Store) -> str:
    """The run of a job that requests promotion."""
    measured.track(store.folder)
    return measured.request(store.folder)
