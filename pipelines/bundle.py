"""Bundles: a job's local files, uploaded for a cluster, and the job that refers to them."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path

from inc_mlflow.callables import code_files
from inc_mlflow.engines.engine import Engine
from inc_mlflow.errors import DataError, SpecError
from inc_mlflow.files import canonical_json
from inc_mlflow.registry.engines import ENGINES
from inc_mlflow.remote import FILES, Address, Store, is_remote, open_store, upload, upload_text
from inc_mlflow.spec import LOCAL, Bundle, Job, JobSpec, SourceSpec
from inc_mlflow.spec.paths import framework_models, local_paths, path_name, paths

LARGEST = 256 << 20
"""Bytes of the largest file in a bundle; a larger one is uploaded by hand once, not read by every submit."""
_MB = 1e6
_CODE = ("callable", "model.pipeline")
"""Ends of the fields that name a file with code of the user's."""


def bundle(job: Job, uri: str, notify: Callable[[str], None]) -> Job:
    """Upload a job's local files below ``uri`` by their sha256; return the job that refers to them.

    ``notify`` receives every file with its size before the upload begins.
    """
    place = Address.parse(uri).child(FILES)
    files = local_files(job)
    if not files:
        return job
    _refuse_large(files, Address.parse(uri))
    for line in _listing(files, place):
        notify(line)
    digests = _uploaded(files, open_store(place), place)
    return replace(job, spec=job.spec.model_copy(update={"bundle": Bundle(uri=str(place), files=digests)}))


def check_visible(job: Job) -> None:
    """Raise SpecError where a job for a cluster names local files."""
    if any(pool != LOCAL for pool in job.spec.real_pools):
        for field, path in local_paths(job.spec).items():
            raise SpecError(
                f"{field}: {path} is a local path, a cluster cannot see it; "
                "use submit, or compile --bundle s3://bucket/path"
            )


def is_pinned(spec: JobSpec) -> bool:
    """Return whether a job's text names all bytes that it reads, so that equal texts give equal results."""
    return spec.bundle is not None and not local_paths(spec) and not any(map(is_remote, paths(spec).values()))


def local_files(job: Job) -> dict[str, Path]:
    """Return the local files of a job by their names in the bundle; a folder's name ends with "/"."""
    found: dict[str, Path] = {}
    models = framework_models(job.spec)
    for field, path in local_paths(job.spec).items():
        of = field.rpartition(".")[0]
        if of in models:
            _check_inside(field, path)
            found |= _of_source(job, of, models[of])
        else:
            found |= _files(job, field, path)
    return found


def _of_source(job: Job, field: str, model: SourceSpec) -> dict[str, Path]:
    """Return all local files of a framework's model; a remote one is in no bundle."""
    inside = job.root.resolve()
    files = [file.resolve() for file in model.files(job.root)]
    for file in files:
        if not file.exists():
            raise DataError(f"{field}: no file {file}; give a path relative to the job file")
    return {file.relative_to(inside).as_posix(): file for file in files if file.is_relative_to(inside)}


def _files(job: Job, field: str, path: str) -> dict[str, Path]:
    _check_inside(field, path)
    file = job.root / path
    if file.is_dir():
        return {f"{path_name(path)}/": file}
    if not file.is_file():
        raise DataError(f"{field}: no file {file}; give a path relative to the job file")
    if field == "model" or field.startswith("model.parts."):
        return _with_weights(_engine_of_graphs(job), file, path_name(path))
    return _with_imported(file, path_name(path)) if field.endswith(_CODE) else {path_name(path): file}


def _check_inside(field: str, path: str) -> None:
    if Path(path).is_absolute() or ".." in Path(path).parts:
        raise SpecError(
            f"{field}: {path} is outside the job's folder; move it there, or upload it and write s3://bucket/path"
        )


def _engine_of_graphs(job: Job) -> Engine:
    engine = ENGINES.get(job.spec.engines[0])
    return engine if engine.parts is None else engine.parts.inner


def _with_weights(engine: Engine, model: Path, name: str) -> dict[str, Path]:
    """Return a model and the files with its weights, which are in its folder or below."""
    beside = engine.source_files(model)[1:]
    weights = [file.relative_to(model.parent.resolve()).as_posix() for file in beside]
    folder = name.rpartition("/")[0]
    return {name: model} | {path_name(f"{folder}/{one}"): model.parent / one for one in weights}


def _with_imported(code: Path, name: str) -> dict[str, Path]:
    """Return a file of the user's code and the modules beside it that it imports."""
    place = Path(name).parent
    return {path_name((place / one.relative_to(code.parent)).as_posix()): one for one in code_files(code)}


def _inside(folder: Path) -> dict[str, Path]:
    """Return the files of a folder of class folders; an empty folder is a class too."""
    found = {f"{one.name}/": one for one in sorted(folder.iterdir()) if one.is_dir()}
    return found | {
        file.relative_to(folder).as_posix(): file for file in sorted(folder.glob("*/*")) if file.is_file()
    }


def _all(files: Mapping[str, Path]) -> Iterator[tuple[str, Path]]:
    for name, path in files.items():
        inside = (
            {f"{name}{inner}": file for inner, file in _inside(path).items()}
            if path.is_dir()
            else {name: path}
        )
        yield from ((one, file) for one, file in inside.items() if file.is_file())


def _refuse_large(files: Mapping[str, Path], place: Address) -> None:
    for name, file in _all(files):
        size = file.stat().st_size
        if size > LARGEST:
            uri = place.child(file.name)
            raise DataError(
                f"{name}: {size / _MB:.0f} MB, a bundle takes files up to {LARGEST >> 20} MiB; upload it: "
                f"aws s3 cp {name} {uri} and write {uri} into the job instead of the path "
                "(weights beside their model)"
            )


def _listing(files: Mapping[str, Path], place: Address) -> Iterator[str]:
    """Yield a line with name and size for each file or folder, and one with the total."""
    total = 0
    for name, path in files.items():
        sizes = [file.stat().st_size for _, file in _all({name: path})]
        total += sum(sizes)
        yield f"  {name}  {sum(sizes) / _MB:.2f} MB" + (f" in {len(sizes)} files" if path.is_dir() else "")
    yield f"{total / _MB:.2f} MB go to {place} where they are not there yet"


def _uploaded(files: Mapping[str, Path], store: Store, place: Address) -> dict[str, str]:
    return {
        name: _tree(path, store, place) if path.is_dir() else upload(path, store, place)
        for name, path in files.items()
    }


def _tree(folder: Path, store: Store, place: Address) -> str:
    """Upload a folder's files and the list of their digests, which may be too long for the job's text."""
    digests = {
        name: "" if path.is_dir() else upload(path, store, place) for name, path in _inside(folder).items()
    }
    return upload_text(canonical_json(digests), store, place)
