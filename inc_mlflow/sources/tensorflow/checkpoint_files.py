"""The files of a TensorFlow 1 checkpoint, which share the beginning of their names."""

from pathlib import Path

from inc_mlflow.errors import ModelError

INDEX, META = ".index", ".meta"


def checkpoint_prefix(path: Path) -> str:
    """Return what the files' names begin with, of a prefix, one of the files, or the folder of the only one.

    The file ``checkpoint`` is not read: it names the folder in which the model was trained. Raises ModelError
    where there is no checkpoint, or more than one.
    """
    if path.is_dir():
        found = sorted(path.glob(f"*{INDEX}"))
        if not found:
            raise ModelError(f"model: {path}: no file ends in {INDEX}, so there is no checkpoint")
        if len(found) > 1:
            names = ", ".join(file.name.removesuffix(INDEX) for file in found)
            raise ModelError(f"model: {path}: more than one checkpoint; name one of {names}")
        return str(found[0]).removesuffix(INDEX)  # which may end in a slash
    prefix = str(path).removesuffix(INDEX).removesuffix(META)
    if not Path(f"{prefix}{INDEX}").is_file():
        raise ModelError(f"model: {path}: no checkpoint: {prefix}{INDEX} does not exist")
    return prefix


def checkpoint_files(path: Path) -> list[Path]:
    """Return graph, index and values of a checkpoint; raise ModelError where the graph is missing."""
    prefix = checkpoint_prefix(path)
    meta = Path(f"{prefix}{META}")
    if not meta.is_file():
        raise ModelError(
            f"model: {path}: {meta.name} does not exist: a checkpoint without its graph is only weights; "
            "give a SavedModel or a frozen graph"
        )
    values = sorted(meta.parent.glob(f"{meta.name.removesuffix(META)}.data-*"))
    return [meta, Path(f"{prefix}{INDEX}"), *values]
