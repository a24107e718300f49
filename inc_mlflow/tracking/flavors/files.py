"""Models of engines that MLflow does not know: unchanged files, with a card that names the engine."""

import tempfile
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from inc_mlflow.errors import DataError, SpecError
from inc_mlflow.files import copy_model, model_files
from inc_mlflow.registry.engines import ENGINES
from inc_mlflow.spec.text import read_mapping
from inc_mlflow.tracking.flavors.flavor import LoggedInterface

if TYPE_CHECKING:
    from mlflow.models import Model

CARD, FLAVOR_NAME = "MLmodel", "inc_mlflow"
REGISTERED = "registered_model_meta"
"""File with the version of a model; MLflow writes it when it downloads one."""


class FilesFlavor:
    """Files that only their engine loads; MLflow cannot run them."""

    def log(
        self,
        path: Path,
        interface: LoggedInterface,
        name: str,
        params: Mapping[str, str],
        tags: Mapping[str, str],
    ) -> str:
        """Log the files and their card as a model of the active run."""
        return log_files(path, name, params, tags, lambda card, _: add_flavor(card, path, interface.engine))

    def check_package(self, folder: Path, model_id: str) -> None:
        """Raise DataError where there is more than the model and a card that loads no code."""
        check_files(folder, model_id, set(flavors_of(folder, model_id)) == {FLAVOR_NAME})


FLAVOR = FilesFlavor()


def log_files(
    path: Path,
    name: str,
    params: Mapping[str, str],
    tags: Mapping[str, str],
    describe: "Callable[[Model, Path], None]",
) -> str:
    """Log the unchanged files of a model in the active run, and return the logged model's id.

    ``describe`` adds flavours to the card, and to the folder the files that they need.
    """
    import mlflow
    from mlflow.models import Model

    run, client = mlflow.active_run(), mlflow.MlflowClient()
    if run is None:
        raise TypeError("a model is logged in an active run")
    known = client.get_run(run.info.run_id).data.params
    model = client.create_logged_model(
        run.info.experiment_id, name, run.info.run_id, tags=dict(tags), params={**known, **params}
    )
    model_id = str(model.model_id)
    with tempfile.TemporaryDirectory() as folder:
        copy_model(path, Path(folder) / path.name)
        card = Model(run_id=run.info.run_id, model_id=model_id)
        describe(card, Path(folder))
        card.save(str(Path(folder) / CARD))
        client.log_model_artifacts(model_id, folder)
    client.finalize_logged_model(model_id, "READY")
    return model_id


def add_flavor(card: "Model", path: Path, engine: str) -> None:
    """Say in a card which engine runs the files."""
    card.add_flavor(FLAVOR_NAME, engine=engine, data=path.name)


def flavors_of(folder: Path, model_id: str) -> Mapping[str, Any]:
    """Return the flavours in a card; raise DataError where it cannot be read."""
    try:
        flavors = read_mapping((folder / CARD).read_text(), CARD).get("flavors")
    except (OSError, UnicodeDecodeError, SpecError) as error:
        raise DataError(f"logged model {model_id}: {CARD} cannot be read ({error}); log it again") from error
    return flavors if isinstance(flavors, Mapping) else {}


def check_files(folder: Path, model_id: str, right: bool, others: Iterable[str] = ()) -> None:
    """Raise DataError unless the card is ``right`` and there are only it, the model and ``others``."""
    flavor = flavors_of(folder, model_id).get(FLAVOR_NAME)
    engine = str(flavor.get("engine")) if isinstance(flavor, Mapping) else ""
    if not right or engine not in ENGINES:
        raise DataError(f"logged model {model_id}: {CARD} is not that of inc-mlflow; it was altered")
    model = folder / ENGINES.get(engine).model_name
    known = {folder / name for name in (CARD, REGISTERED, *others)} | {*model_files(model)}
    if other := {file for file in folder.rglob("*") if file.is_file()} - known:
        name = min(other).relative_to(folder)
        raise DataError(f"logged model {model_id}: has {name} beside the model; it was altered")
