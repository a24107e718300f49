"""MLflow's onnx flavour: the unchanged bytes of the file, and the files that MLflow needs to load them."""

from collections.abc import Mapping
from pathlib import Path

from inc_mlflow.engines.onnxruntime.engine import PROVIDERS
from inc_mlflow.files import external_data
from inc_mlflow.tracking.flavors.flavor import LoggedInterface
from inc_mlflow.tracking.flavors.tensors import signature

_PACKAGES = ("onnx", "onnxruntime", "numpy")


class OnnxFlavor:
    """An ONNX file that ``mlflow.onnx`` and ``mlflow.pyfunc`` load."""

    def log(
        self,
        path: Path,
        interface: LoggedInterface,
        name: str,
        params: Mapping[str, str],
        tags: Mapping[str, str],
    ) -> str:
        """Log the unchanged bytes of the file.

        ``log_model`` empties the object that it gets, and by default moves weights out of it.
        """
        import mlflow
        import onnx

        large = external_data(path).exists()
        info = mlflow.onnx.log_model(
            onnx.load(path),
            name=name,
            signature=signature(interface),
            input_example=interface.example,
            pip_requirements=[f"{package}=={interface.runtime[package]}" for package in _PACKAGES],
            onnx_execution_providers=[PROVIDERS[device] for device in interface.devices],
            params=dict(params),
            tags=dict(tags),
            save_as_external_data=large,
            **({"location": external_data(path).name} if large else {}),
        )
        return str(info.model_id)

    def check_package(self, folder: Path, model_id: str) -> None:
        """Raise DataError where loading would read or run anything but the model's own files."""
        from inc_mlflow.tracking.flavors.onnx_package import check_onnx_package

        check_onnx_package(folder, model_id)


FLAVOR = OnnxFlavor()
