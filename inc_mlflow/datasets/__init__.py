"""Where rows come from. This table is what ``inc-mlflow list datasets`` prints."""

from inc_mlflow.datasets.source import Reader
from inc_mlflow.registry import Registry

DATASETS: Registry[Reader] = Registry(
    "datasets",
    {
        "npz": "inc_mlflow.datasets.npz:read",
        "images": "inc_mlflow.datasets.images:read",
        "text": "inc_mlflow.datasets.text:read",
    },
    extras={"images": "vision", "text": "text"},
)
