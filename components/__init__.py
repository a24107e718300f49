"""KFP components: thin shells over the steps. KFP copies each body's source, so its imports stand inside."""

from typing import TYPE_CHECKING

from inc_mlflow.registry import Entry, Registry

if TYPE_CHECKING:
    from kfp.dsl.python_component import PythonComponent

_HERE = "inc_mlflow.components"
COMPONENTS: "Registry[PythonComponent]" = Registry(
    "components",
    {
        name: Entry(f"{_HERE}.{name}:{name}")
        for name in (
            "benchmark",
            "calibrate",
            "calibrate_shard",
            "evaluate",
            "evaluate_shard",
            "fetch_champion",
            "finish",
            "gate",
            "import_model",
            "merge_candidates",
            "merge_evaluations",
            "merge_ranges",
            "promote",
            "quantize",
            "request",
            "track",
            "train",
        )
    },
)
"""Every component, as the function that runs inline; ``container`` makes the other form of it."""
