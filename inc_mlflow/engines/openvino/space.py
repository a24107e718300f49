"""What a search may try: the static recipes that the default engine would try on the baseline's graph."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from pathlib import Path

from inc_mlflow.engines.engine import SearchSpace
from inc_mlflow.engines.openvino.graph import graph_engine, graph_of
from inc_mlflow.engines.openvino.methods.static import METHOD, of_graph, on_openvino
from inc_mlflow.engines.openvino.model_folder import read_ir
from inc_mlflow.engines.openvino.options import Bf16
from inc_mlflow.spec import Recipe


class OpenVinoSpace:
    """The space of a graph, without what OpenVINO does not run.

    bf16 stands apart: it is no INT8, and has neither refinements nor nodes that stay FP32.
    """

    methods = (METHOD.name,)

    def __init__(self, graph: SearchSpace) -> None:
        self._graph = graph

    def first(self) -> Iterator[Recipe]:
        """Yield the recipes that usually win first."""
        return self._own(self._graph.first())

    def other_precisions(self) -> Sequence[Recipe]:
        """Return bf16; where the CPU has none, its trial is rejected."""
        return (Bf16(),)

    def refinements(self) -> Sequence[Callable[[Recipe], Iterable[Recipe]]]:
        """Return the phases of the graph's space."""
        return [partial(self._refined, phase) for phase in self._graph.refinements()]

    def without(self, recipe: Recipe, nodes: Sequence[str]) -> Recipe:
        """Return the recipe with more nodes in FP32; bf16 as it is."""
        if recipe.method != METHOD.name:
            return recipe
        return on_openvino(self._graph.without(of_graph(recipe), nodes))

    def protected(self, recipe: Recipe, everywhere: bool) -> Recipe | None:
        """Return the recipe in the form that saturates nowhere; None where that brings nothing."""
        if recipe.method != METHOD.name:
            return None
        safe = self._graph.protected(of_graph(recipe), everywhere)
        return None if safe is None else on_openvino(safe)

    def _refined(self, phase: Callable[[Recipe], Iterable[Recipe]], recipe: Recipe) -> Iterator[Recipe]:
        return self._own(phase(of_graph(recipe))) if recipe.method == METHOD.name else iter(())

    def _own(self, recipes: Iterable[Recipe]) -> Iterator[Recipe]:
        return (on_openvino(one) for one in recipes if one.method in self.methods)


def space_of(baseline: Path) -> OpenVinoSpace | None:
    """Return the space of a baseline; None where the default engine has none for its graph."""
    found = graph_engine().space(graph_of(baseline, read_ir(baseline)[1].graph_sha256))
    return None if found is None else OpenVinoSpace(found)
