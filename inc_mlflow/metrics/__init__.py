"""What accuracy can mean. This table is what ``inc-mlflow list metrics`` prints."""

from inc_mlflow.metrics.metric import NamedMetric
from inc_mlflow.registry import Registry

METRICS: Registry[NamedMetric] = Registry(
    "metrics",
    {
        "top1": "inc_mlflow.metrics.classification:TOP1",
        "top5": "inc_mlflow.metrics.classification:TOP5",
        "f1": "inc_mlflow.metrics.classification:F1",
    },
)
