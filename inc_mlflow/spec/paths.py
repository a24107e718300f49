"""The paths that a job names, by field."""

from collections.abc import Set

from inc_mlflow.remote import is_remote
from inc_mlflow.spec.data import CallableSplit, FileSplit
from inc_mlflow.spec.job import JobSpec
from inc_mlflow.spec.parts import PartsSpec
from inc_mlflow.spec.source import SourceSpec


def paths(spec: JobSpec) -> dict[str, str]:
    """Return field -> path or URI: model, splits, callables, and files that an option names."""
    found = _of_model(spec.model)
    for field, model in framework_models(spec).items():
        found |= _of_source(field, model)
    for name, split in spec.data.splits().items():
        found |= {f"data.{name}.{field}": path for field, path in _of_split(split).items()}
    for name, metric in spec.all_metrics.items():
        found |= {f"{name}.{field}": path for field, path in metric.option_files().items()}
        found |= {f"{name}.callable": _file(metric.function)} if metric.function else {}
    loss = spec.training.callable_loss
    return found | ({"training.loss": _file(loss)} if loss else {})


def framework_models(spec: JobSpec) -> dict[str, SourceSpec]:
    """Return field -> model of a framework: the job's own, and those that recipes read beside it."""
    own = {"model": spec.model} if isinstance(spec.model, SourceSpec) else {}
    return own | {
        f"recipes[{place}].{field}": model
        for place, recipe in enumerate(spec.listed)
        for field, model in recipe.models.items()
    }


def local_paths(spec: JobSpec) -> dict[str, str]:
    """Return the paths that only this machine sees: not remote, and not in the job's bundle."""
    bundled = {name.rstrip("/") for name in spec.bundle.files} if spec.bundle else set()
    for field, model in framework_models(spec).items() if bundled else ():
        # its files stand in the bundle, not their folder
        bundled |= {path_name(path) for path in _of_source(field, model).values() if _holds(path, bundled)}
    return {
        field: path
        for field, path in paths(spec).items()
        if not is_remote(path) and path_name(path) not in bundled
    }


def _holds(path: str, names: Set[str]) -> bool:
    """Tell whether names are those of files in a folder, or begin with a common beginning of names."""
    return any(name.startswith((f"{path_name(path)}/", f"{path_name(path)}.")) for name in names)


def path_name(path: str) -> str:
    """Return the name of a path in a bundle: one of many ways to write it."""
    return "/".join(part for part in path.split("/") if part not in {"", "."})


def _of_model(model: str | PartsSpec | SourceSpec) -> dict[str, str]:
    """Return the paths of a model that is no framework's."""
    if isinstance(model, str):
        return {"model": model}
    if isinstance(model, SourceSpec):
        return {}
    parts = {f"model.parts.{name}": path for name, path in model.parts.items()}
    files = {f"model.files[{index}]": path for index, path in enumerate(model.files)}
    return parts | {"model.pipeline": model.code} | files


def _of_source(field: str, model: SourceSpec) -> dict[str, str]:
    code = {name: _file(function) for name, function in model.functions().items()}
    return {f"{field}.{name}": path for name, path in (model.paths() | code).items()}


def _of_split(split: FileSplit | CallableSplit) -> dict[str, str]:
    if isinstance(split, CallableSplit):
        return {"callable": _file(split.function)}
    return {"path": split.path} | {
        f"transform.{option}": path for option, path in split.option_files().items()
    }


def _file(reference: str) -> str:
    return reference.rpartition(":")[0]
