"""Loads functions of a user's own file, and tells where its code fails."""

import importlib.util
import sys
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

from inc_mlflow.callables.siblings import spec_beside
from inc_mlflow.errors import CallableError, IncError


def load_callable(reference: str, root: Path, where: str) -> Callable[..., Any]:
    """Import ``file.py:function`` relative to ``root``; ``where`` is the job field that names it.

    Raises CallableError where the file is missing, fails to run or has no such function.
    """
    file, _, name = reference.rpartition(":")
    module = _module((root / file).resolve(), where)
    function = getattr(module, name, None)
    if not callable(function):
        public = sorted(
            key for key, value in vars(module).items() if callable(value) and not key.startswith("_")
        )
        raise CallableError(f"{where}: {file} has no function {name!r}; it has {', '.join(public) or 'none'}")
    return function  # type: ignore[no-any-return]


@contextmanager
def user_code(path: Path, where: str) -> Iterator[None]:
    """Turn what the user's code raises into a CallableError of one line, with the place in their file."""
    try:
        yield
    except IncError:
        raise
    except (Exception, SystemExit) as error:  # only the user can correct what their code raises
        raise CallableError(
            f"{where}: {_place(error, path)}: {type(error).__name__}: {_line(error)}"
        ) from error


def source_file(reference: str, root: Path) -> Path:
    """Return the file part of ``file.py:function``."""
    return (root / reference.rpartition(":")[0]).resolve()


def _module(path: Path, where: str) -> ModuleType:
    if not path.is_file():
        raise CallableError(
            f"{where}: no file {path}; write it as file.py:function, relative to the job file"
        )
    spec = spec_beside(path)
    if spec is None or spec.loader is None:
        raise CallableError(f"{where}: {path} is not a Python file; write it as file.py:function")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses and pickling look the module up by name
    with user_code(path, where):
        spec.loader.exec_module(module)
    return module


def _place(error: BaseException, path: Path) -> str:
    """File and line of the deepest frame in the user's file."""
    if isinstance(error, SyntaxError) and error.filename:
        return f"{error.filename}:{error.lineno}"
    frames = [
        f for f in traceback.extract_tb(error.__traceback__) if Path(f.filename).resolve() == path.resolve()
    ]
    return f"{frames[-1].filename}:{frames[-1].lineno} in {frames[-1].name}" if frames else str(path)


def _line(error: BaseException) -> str:
    return " ".join(str(error).split()) or "no message"
