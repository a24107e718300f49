"""What a job can name, from the tables themselves."""

from collections.abc import Callable
from typing import Any

from inc_mlflow.errors import UnknownNameError
from inc_mlflow.hardware import pools
from inc_mlflow.registry import Registry, did_you_mean
from inc_mlflow.registry.datasets import DATASETS
from inc_mlflow.registry.engines import DEFAULT_ENGINE, ENGINES
from inc_mlflow.registry.methods import METHODS
from inc_mlflow.registry.metrics import METRICS
from inc_mlflow.registry.postprocess import POSTPROCESS
from inc_mlflow.registry.sources import SOURCES


def choices(what: str) -> dict[str, str]:
    """Return name -> summary; UnknownNameError lists the kinds."""
    kinds: dict[str, Callable[[], dict[str, str]]] = {
        "sources": lambda: _own_sources() | _summaries(SOURCES),
        "engines": lambda: _summaries(ENGINES),
        "methods": _methods,
        "metrics": lambda: _summaries(METRICS, _facts),
        "postprocess": lambda: _summaries(POSTPROCESS),
        "datasets": lambda: _summaries(DATASETS),
        "pools": pools.summaries,
    }
    if what not in kinds:
        raise UnknownNameError(
            f"list: no {what!r}{did_you_mean(what, list(kinds))}; there are {', '.join(kinds)}"
        )
    return kinds[what]()


def _own_sources() -> dict[str, str]:
    """Return the kinds of models that engines take as they are."""
    found: dict[str, str] = {}
    for name in ENGINES:
        found |= getattr(ENGINES.entry(name), "own_sources", {})
    return found


def _methods() -> dict[str, str]:
    """Return what each method is, and of which engine where that is not the default one."""
    found: dict[str, str] = {}
    for name in METHODS:
        engine, method = name.split(".", 1)
        summary = METHODS.entry(name).summary
        text = summary if engine == DEFAULT_ENGINE else f"{summary} (engine: {engine})"
        found[method] = f"{found[method]}; {text}" if method in found else text
    return found


def _summaries(table: Registry[Any], facts: Callable[[str], list[str]] = lambda name: []) -> dict[str, str]:
    """Return the summary of each entry, followed by facts about it and the extra that it needs."""
    found = {}
    for name in table:
        entry = table.entry(name)
        notes = facts(name) + ([f"extra: {entry.extra}"] if entry.extra else [])
        found[name] = f"{entry.summary} ({', '.join(notes)})" if notes else entry.summary
    return found


def _facts(metric: str) -> list[str]:
    kind = METRICS.get(metric)
    direction = "higher" if kind.higher_is_better else "lower"
    return [kind.unit, f"{direction} is better", "per sample" if kind.decomposable else "whole split"]
