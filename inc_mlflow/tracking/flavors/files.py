"""Models of engines that MLflow does not know: unchanged files, with a card that names the engine."""

import tempfile
from collections.abc import Mapping
from pathlib import Path

from inc_mlflow.errors import DataError, SpecError
from inc_mlflow.files import copy_model, model_files
from inc_mlflow.registry.engines import ENGINES
from inc_mlflow.spec.text import read_mapping
from inc_mlflow.tracking.flavors.flavor import LoggedInterface

_CARD, _FLAVOR = "MLmodel", "inc_mlflow"
_REGISTERED = "registered_model_meta"
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
            card.add_flavor(_FLAVOR, engine=interface.engine, data=path.name)
            card.save(str(Path(folder) / _CARD))
            client.log_model_artifacts(model_id, folder)
        client.finalize_logged_model(model_id, "READY")
        return model_id

    def check_package(self, folder: Path, model_id: str) -> None:
        """Raise DataError where there is more than the model and a card that loads no code."""
        try:
            card = read_mapping((folder / _CARD).read_text(), _CARD)
        except (OSError, UnicodeDecodeError, SpecError) as error:
            raise DataError(
                f"logged model {model_id}: {_CARD} cannot be read ({error}); log it again"
            ) from error
        flavors = card.get("flavors")
        flavor = flavors.get(_FLAVOR) if isinstance(flavors, Mapping) and set(flavors) == {_FLAVOR} else None
        engine = str(flavor.get("engine")) if isinstance(flavor, Mapping) else ""
        if engine not in ENGINES:
            raise DataError(f"logged model {model_id}: {_CARD} is not that of inc-mlflow; it was altered")
        model = folder / ENGINES.get(engine).model_name
        known = {folder / _CARD, folder / _REGISTERED, *model_files(model)}
        if other := {file for file in folder.rglob("*") if file.is_file()} - known:
            name = min(other).relative_to(folder)
            raise DataError(f"logged model {model_id}: has {name} beside the model; it was altered")


FLAVOR = FilesFlavor()
