"""What a job can name, from the tables themselves."""

from collections.abc import Callable

from inc_mlflow.datasets import DATASETS
from inc_mlflow.errors import UnknownNameError
from inc_mlflow.hardware import pools
from inc_mlflow.metrics import METRICS
from inc_mlflow.metrics.metric import NamedMetric
from inc_mlflow.metrics.postprocess import POSTPROCESS
from inc_mlflow.registry import did_you_mean
from inc_mlflow.spec import Dynamic, Static

_SUMMARIES = {
    "npz": "an .npz with one array per graph input and one of labels",
    "images": "a folder with one folder of images per class (extra: vision)",
    "text": "a .tsv or .csv with a header, tokenised by a tokenizer.json (extra: text)",
}


def catalogue(what: str) -> dict[str, str]:
    """Return name -> summary; UnknownNameError lists the kinds."""
    kinds: dict[str, Callable[[], dict[str, str]]] = {
        "methods": _methods,
        "metrics": _metrics,
        "postprocess": _postprocess,
        "datasets": _datasets,
        "pools": pools.summaries,
    }
    if what not in kinds:
        raise UnknownNameError(
            f"list: no {what!r}{did_you_mean(what, list(kinds))}; there are {', '.join(kinds)}"
        )
    return kinds[what]()


def _methods() -> dict[str, str]:
    return {kind.model_fields["method"].default: (kind.__doc__ or "").strip() for kind in (Static, Dynamic)}


def _metrics() -> dict[str, str]:
    return {name: _described(METRICS.get(name)) for name in METRICS}


def _described(metric: type[NamedMetric]) -> str:
    direction = "higher" if metric.higher_is_better else "lower"
    scope = "per sample" if metric.decomposable else "whole split"
    return f"{metric.summary} ({metric.unit}, {direction} is better, {scope})"


def _postprocess() -> dict[str, str]:
    return {name: POSTPROCESS.get(name).summary for name in POSTPROCESS}


def _datasets() -> dict[str, str]:
    return {name: _SUMMARIES.get(name, "from an installed package") for name in DATASETS}
