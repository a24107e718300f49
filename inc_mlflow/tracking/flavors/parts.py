"""Models of several graphs: their unchanged folder, and a loader by which MLflow runs and serves them.

``mlflow.pyfunc.load_model`` imports our loader, so whoever runs the model needs ``inc-mlflow``. The function
of the model's owner is one of its files, and runs when the model is loaded.
"""

import platform
import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from inc_mlflow.arrays import Arrays
from inc_mlflow.engines.engine import LoadedModel, RunSettings
from inc_mlflow.engines.parts.engine import ENGINE
from inc_mlflow.errors import DataError, reason
from inc_mlflow.registry.engines import engine_packages
from inc_mlflow.tracking.flavors.files import FLAVOR_NAME, add_flavor, check_files, flavors_of, log_files
from inc_mlflow.tracking.flavors.flavor import LoggedInterface
from inc_mlflow.tracking.flavors.tensors import input_signature

if TYPE_CHECKING:
    from mlflow.models import Model

_PYFUNC, _LOADER = "python_function", __name__
_REQUIREMENTS, _ENVIRONMENT = "requirements.txt", "python_env.yaml"
_PACKAGES = ("inc-mlflow", "numpy")
_PLAIN = {"env", "python_version"}
_LINE = re.compile(r"([A-Za-z0-9._-]+)==[0-9][\w.+]*")


class PartsFlavor:
    """A folder with parts and code that ``mlflow.pyfunc`` loads."""

    def log(
        self,
        path: Path,
        interface: LoggedInterface,
        name: str,
        params: Mapping[str, str],
        tags: Mapping[str, str],
    ) -> str:
        """Log the folder with the packages that run it."""

        def describe(card: "Model", folder: Path) -> None:
            import mlflow.pyfunc

            card.signature = input_signature(interface)
            add_flavor(card, path, interface.engine)
            mlflow.pyfunc.add_to_model(card, _LOADER, data=path.name, python_env=_ENVIRONMENT)
            there = [package for package in (*_PACKAGES, *engine_packages()) if package in interface.runtime]
            (folder / _REQUIREMENTS).write_text(
                "".join(f"{package}=={interface.runtime[package]}\n" for package in there)
            )
            (folder / _ENVIRONMENT).write_text(_environment())

        return log_files(path, name, params, tags, describe)

    def check_package(self, folder: Path, model_id: str) -> None:
        """Raise DataError where loading would read or run anything but the model and our loader."""
        flavors = flavors_of(folder, model_id)
        right = set(flavors) == {FLAVOR_NAME, _PYFUNC} and _is_ours(flavors[_PYFUNC])
        check_files(folder, model_id, right, (_REQUIREMENTS, _ENVIRONMENT))
        known = {*_PACKAGES, *engine_packages()}
        for line in _text(folder / _REQUIREMENTS, model_id).splitlines():
            found = _LINE.fullmatch(line)
            if found is None or found[1] not in known:
                raise DataError(f"logged model {model_id}: {_REQUIREMENTS} installs {line!r}; it was altered")
        if not _is_environment(_text(folder / _ENVIRONMENT, model_id)):
            raise DataError(
                f"logged model {model_id}: {_ENVIRONMENT} is not that of inc-mlflow; it was altered"
            )


FLAVOR = PartsFlavor()


class _Served:
    """What ``mlflow.pyfunc`` calls."""

    def __init__(self, model: LoadedModel) -> None:
        self._model = model

    def predict(self, inputs: Arrays, params: Mapping[str, Any] | None = None) -> Arrays:
        """Run a batch of arrays by input, rows first; return arrays by output, rows first."""
        return self._model(inputs)


def _load_pyfunc(path: str) -> _Served:
    """Load a model of parts; MLflow calls this by its name, with the path of the folder."""
    return _Served(ENGINE.load(Path(path), RunSettings(threads=0)))


def _text(file: Path, model_id: str) -> str:
    try:
        return file.read_text()
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(
            f"logged model {model_id}: {file.name} cannot be read ({reason(error)}); log it again"
        ) from error


def _is_ours(flavor: Any) -> bool:
    if not isinstance(flavor, Mapping):
        return False
    told = {key: value for key, value in flavor.items() if value is not None and key not in _PLAIN}
    return told == {"data": ENGINE.model_name, "loader_module": _LOADER}


def _environment(python: str | None = None) -> str:
    version = python or platform.python_version()
    return f"python: {version}\nbuild_dependencies: []\ndependencies:\n- -r {_REQUIREMENTS}\n"


def _is_environment(text: str) -> bool:
    version = re.match(r"python: ([0-9.]+)\n", text)
    return version is not None and text == _environment(version[1])
