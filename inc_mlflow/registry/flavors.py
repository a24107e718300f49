"""Registry of flavours, which say how MLflow keeps models: a target is a ``Flavor`` of tracking/flavors."""

from typing import TYPE_CHECKING

from inc_mlflow.registry.table import Entry, Registry

if TYPE_CHECKING:
    from inc_mlflow.tracking.flavors.flavor import Flavor

FLAVORS: "Registry[Flavor]" = Registry(
    "flavors",
    {
        "onnx": Entry("inc_mlflow.tracking.flavors.onnx:FLAVOR", "MLflow's onnx flavour"),
        "files": Entry(
            "inc_mlflow.tracking.flavors.files:FLAVOR",
            "the model's files, for engines that MLflow does not know",
        ),
        "parts": Entry(
            "inc_mlflow.tracking.flavors.parts:FLAVOR",
            "models of several graphs with the function that runs them, loaded by mlflow.pyfunc",
        ),
    },
)
