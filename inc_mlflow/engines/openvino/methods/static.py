"""static: the default engine quantises the baseline's graph, and the result becomes an IR."""

import tempfile
from dataclasses import replace
from pathlib import Path

from inc_mlflow.engines.engine import Method, MethodData, Statistics
from inc_mlflow.engines.openvino.calibration import GraphStatistics
from inc_mlflow.engines.openvino.conversion import convert
from inc_mlflow.engines.openvino.graph import graph_engine, graph_of
from inc_mlflow.engines.openvino.model_folder import read_ir
from inc_mlflow.registry.engines import DEFAULT_ENGINE
from inc_mlflow.registry.methods import METHODS, method_name
from inc_mlflow.spec import Recipe
from inc_mlflow.spec.recipes import parse_recipe


class OnGraph:
    """Quantises by the method of the same name of the default engine."""

    name = "static"

    def check(self, recipe: Recipe) -> None:
        """Raise ModelError where that method would refuse the recipe."""
        _method(recipe).check(of_graph(recipe))

    def apply(self, baseline: Path, recipe: Recipe, data: MethodData, target: Path) -> None:
        """Write the candidate; raise what that method raises, ModelError where OpenVINO cannot read it."""
        about = read_ir(baseline)[1]
        graph = graph_of(baseline, about.graph_sha256)
        with tempfile.TemporaryDirectory(dir=target.parent) as scratch:
            quantised = Path(scratch) / graph_engine().model_name
            own = replace(data, statistics=_of_statistics(data))
            _method(recipe).apply(graph, of_graph(recipe), own, quantised)
            convert(quantised, target, about.axes, "f32")


METHOD = OnGraph()


def of_graph(recipe: Recipe) -> Recipe:
    """Return a recipe as the default engine takes it."""
    return _for(recipe, DEFAULT_ENGINE)


def on_openvino(recipe: Recipe) -> Recipe:
    """Return a recipe of the default engine as one of this engine."""
    return _for(recipe, "openvino")


def _for(recipe: Recipe, engine: str) -> Recipe:
    return parse_recipe(recipe.model_dump(mode="json", exclude_none=True) | {"engine": engine})


def _method(recipe: Recipe) -> Method:
    return METHODS.get(method_name(DEFAULT_ENGINE, recipe.method))


def _of_statistics(data: MethodData) -> Statistics | None:
    if data.statistics is None:
        return None
    if not isinstance(data.statistics, GraphStatistics):
        raise TypeError(f"statistics of another engine: {type(data.statistics).__name__}")
    return data.statistics.graph
