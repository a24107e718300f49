"""The gate's own copy of the rows that judge a job: a folder or bucket that pipelines cannot write."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import TypeVar

from inc_mlflow.errors import (
    DataError,
    MissingExtraError,
    ModelError,
    StateError,
    TrackingError,
    UnknownNameError,
)
from inc_mlflow.records import Frozen
from inc_mlflow.registry.metrics import METRICS
from inc_mlflow.registry.postprocess import POSTPROCESS
from inc_mlflow.remote import is_remote, local_path
from inc_mlflow.spec import DataSpec, FileSplit, JobMetric, JobSpec, MetricSpec, PartsSpec

M = TypeVar("M", bound=MetricSpec)
_CHOOSING = ("start", "stop", "samples")
"""Fields of a split that choose among the rows of its file."""


class GateData(Frozen):
    """Validation rows and metrics of a job, read from the gate's files on this machine."""

    data: DataSpec
    metric: MetricSpec | None
    metrics: tuple[JobMetric, ...] | None

    def apply_to(self, job: JobSpec) -> JobSpec:
        """Return the job with these rows and metrics in place of its own."""
        own = {"data": self.data, "metric": self.metric, "metrics": self.metrics}
        return job.model_copy(update=own)


@contextmanager
def sort_errors() -> Iterator[None]:
    """Raise DataError for what the job brought, which is refused, and TrackingError for what this gate lacks.

    A request that meets a lack stays open.
    """
    try:
        yield
    except (ModelError, UnknownNameError) as error:
        raise DataError(f"recheck: {error}") from error
    except (StateError, MissingExtraError) as error:
        raise TrackingError(f"recheck: {error}") from error


def find_gate_data(job: JobSpec, data: str) -> GateData:
    """Return validation rows and metrics of a job with all files taken from below ``data``.

    Remote files are fetched. Raises DataError where the job brings code for them, chooses among the rows, or
    names a file that is not below ``data``; StateError where ``data`` is no folder.
    """
    if not is_remote(data) and not Path(data).is_dir():
        raise StateError(f"policy: data: no folder {data}; mount it")
    split = require_whole_split(job)
    path = _path_in_gate_data(split.path, data, "data.validation.path")
    own = _paths_in_gate_data(split.option_files(), data, "data.validation.transform")
    transform = split.transform and split.transform.model_copy(update=own)
    here = split.model_copy(update={"path": path, "transform": transform})
    return GateData(
        data=DataSpec(validation=here, group=job.data.group),
        metric=job.metric and _metric("metric", job.metric, data),
        metrics=job.metrics
        and tuple(_metric(f"metrics[{number}]", one, data) for number, one in enumerate(job.metrics)),
    )


def require_whole_split(job: JobSpec) -> FileSplit:
    """Return the validation split of a job; DataError where that or the model is code, or only some rows."""
    split = job.data.validation
    if isinstance(job.model, PartsSpec):
        raise DataError(
            f"recheck: the function {job.model.pipeline} that runs the model's parts is code of the job's, "
            "which a gate never runs; judge it by a policy without recheck"
        )
    if not isinstance(split, FileSplit) or any(one.function for one in job.all_metrics.values()):
        raise DataError(
            "recheck: the job's validation rows or metric are code of its own, which a gate never runs; "
            "use a file and a metric of `inc-mlflow list metrics`"
        )
    if chosen := [
        field for field in _CHOOSING if getattr(split, field) != FileSplit.model_fields[field].default
    ]:
        raise DataError(
            f"recheck: data.validation.{chosen[0]}: the job chooses which rows of {split.path!r} judge it; "
            f"a gate takes all rows of a file: leave out {', '.join(_CHOOSING)}, "
            "or give the rows a file of their own"
        )
    return split


def _metric(field: str, metric: M, data: str) -> M:
    update = {}
    if metric.name is not None:
        own = METRICS.files(metric.name, metric.options)
        update["options"] = metric.options | _paths_in_gate_data(own, data, f"{field}.options")
    if metric.postprocess is not None:
        own = POSTPROCESS.files(metric.postprocess["name"], metric.postprocess)
        update["postprocess"] = metric.postprocess | _paths_in_gate_data(own, data, f"{field}.postprocess")
    return metric.model_copy(update=update)


def _paths_in_gate_data(paths: Mapping[str, str], data: str, where: str) -> dict[str, str]:
    """Return option -> file below ``data``, of the options that name a file."""
    return {option: _path_in_gate_data(path, data, f"{where}.{option}") for option, path in paths.items()}


def _path_in_gate_data(path: str, data: str, where: str) -> str:
    """Return the file or folder below ``data`` that a job calls ``path``, or by its whole address."""
    name = path.removeprefix(f"{data.rstrip('/')}/") if is_remote(data) else path
    parts = PurePosixPath(name)
    if is_remote(name) or "\0" in name or parts.is_absolute() or ".." in parts.parts:
        raise DataError(
            f"recheck: {where}: {path!r} is no path below the gate's data; "
            "give the job one relative to its file"
        )
    if is_remote(data):
        return str(local_path(f"{data.rstrip('/')}/{name}", Path()))
    return str(_inside(Path(data).resolve(), name, where))


def _inside(root: Path, name: str, where: str) -> Path:
    path = root / name
    for one in (path, *path.rglob("*")):
        if not one.resolve().is_relative_to(root):
            raise DataError(
                f"recheck: {where}: {one} leads out of the gate's data; put a copy there instead of a link"
            )
    return path
