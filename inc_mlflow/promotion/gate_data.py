"""The gate's own copy of the rows that a job is judged on: a folder or bucket that pipelines cannot write."""

from pathlib import Path, PurePosixPath

from inc_mlflow.errors import DataError, StateError
from inc_mlflow.records import Frozen
from inc_mlflow.remote import is_remote, local_path
from inc_mlflow.spec import DataSpec, FileSplit, FormatOptions, JobSpec, MetricSpec

_TOKENIZER = "tokenizer"
"""The one option that names a file, of splits and of postprocesses."""
_CHOOSING = ("start", "stop", "samples")
"""Fields of a split that choose among the rows of its file."""


class Own(Frozen):
    """Rows and metric of a job by files of the gate's, with their paths on this machine."""

    data: DataSpec
    metric: MetricSpec

    def of(self, job: JobSpec) -> JobSpec:
        """Return the job with these in the place of its own."""
        return job.model_copy(update={"data": self.data, "metric": self.metric})


def trusted(job: JobSpec, data: str) -> JobSpec:
    """Return the job with validation and metric alone, by ``own_rows``."""
    return own_rows(job, data).of(job)


def own_rows(job: JobSpec, data: str) -> Own:
    """Return validation and metric of a job, all their files taken from below ``data``, and fetched where that is remote.

    DataError where the job brings code for them, chooses among the rows, or names a file that is not below;
    StateError where there is no folder.
    """
    if not is_remote(data) and not Path(data).is_dir():
        raise StateError(f"policy: data: no folder {data}; mount it")
    split = whole_split(job)
    path = _own(split.path, data, "data.validation.path")
    here = split.model_copy(update={"path": path, "transform": _options(split.transform, data)})
    return Own(data=DataSpec(validation=here, group=job.data.group), metric=_metric(job.metric, data))


def whole_split(job: JobSpec) -> FileSplit:
    """Return the validation split of a job that neither brings code for it nor chooses rows that flatter.

    Else DataError.
    """
    split = job.data.validation
    if not isinstance(split, FileSplit) or job.metric.function is not None:
        raise DataError(
            "recheck: the job's validation rows or metric are code of its own, which a gate never runs; "
            "use a file and a metric of `inc-mlflow list metrics`"
        )
    if chosen := [
        field for field in _CHOOSING if getattr(split, field) != FileSplit.model_fields[field].default
    ]:
        raise DataError(
            f"recheck: data.validation.{chosen[0]}: the job chooses which rows of {split.path!r} judge it; "
            f"a gate takes all rows of a file: leave out {', '.join(_CHOOSING)}, or give the rows a file of their own"
        )
    return split


def _options(options: FormatOptions | None, data: str) -> FormatOptions | None:
    if options is None:
        return None
    own = {
        field: _own(path, data, f"data.validation.transform.{field}")
        for field, path in options.paths().items()
    }
    return options.model_copy(update=own)


def _metric(metric: MetricSpec, data: str) -> MetricSpec:
    options = metric.postprocess or {}
    if _TOKENIZER not in options:
        return metric
    file = _own(str(options[_TOKENIZER]), data, "metric.postprocess.tokenizer")
    return metric.model_copy(update={"postprocess": options | {_TOKENIZER: file}})


def _own(path: str, data: str, where: str) -> str:
    """Return the file or folder below ``data`` that a job calls ``path``.

    A job may also give its whole address.
    """
    name = path.removeprefix(f"{data.rstrip('/')}/") if is_remote(data) else path
    parts = PurePosixPath(name)
    if is_remote(name) or "\0" in name or parts.is_absolute() or ".." in parts.parts:
        raise DataError(
            f"recheck: {where}: {path!r} is no path below the gate's data; give the job one relative to its file"
        )
    if is_remote(data):
        return str(local_path(f"{data.rstrip('/')}/{name}", Path()))
    return str(_confined(Path(data).resolve(), name, where))


def _confined(root: Path, name: str, where: str) -> Path:
    path = root / name
    for one in (path, *path.rglob("*")):
        if not one.resolve().is_relative_to(root):
            raise DataError(
                f"recheck: {where}: {one} leads out of the gate's data; put a copy there instead of a link"
            )
    return path
