"""What a search may try with ONNX Runtime: structure first, then calibration, then what recovers accuracy."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Self

from inc_mlflow.arrays import Arrays
from inc_mlflow.engines.engine import MethodData
from inc_mlflow.engines.onnxruntime.analysis.quantizable_nodes import QuantizableNodes, find_quantizable
from inc_mlflow.engines.onnxruntime.calibration.ranges import Ranges
from inc_mlflow.engines.onnxruntime.mixed.plan import Planner
from inc_mlflow.engines.onnxruntime.options import Dynamic, Mixed, OnnxRuntimeRecipe, Static
from inc_mlflow.engines.plan import Recall, RecipePlan
from inc_mlflow.spec import Recipe

_DENSE = ("Conv", "ConvTranspose", "Gemm", "MatMul")
"""Operators whose work grows faster than their data: where INT8 kernels gain."""
_CLIPS = ("Clip", "Relu")
"""Operators that cost nothing behind a quantised one; left in FP32, they prevent its fusion."""
_DYNAMIC = frozenset({"Attention", "LSTM", "MatMul"})
"""Operators whose dynamic kernels are faster than FP32; other operators alone bring no gain."""
_SMOOTH = 0.5
"""Exponent of SmoothQuant: activations and weights share the outliers equally (Xiao et al. 2023, eq. 4)."""


_PROBED = 8
"""Calibration batches on which errors are probed at most."""
_MIXED_CALIBRATIONS = ("percentile", "mse")
"""Beside MinMax; entropy was never the best one of mixed models."""


@dataclass(frozen=True)
class OnnxRuntimeSpace:
    """The recipes worth trying on one baseline."""

    graph: QuantizableNodes
    baseline: Path | None = None
    methods: tuple[str, ...] = ("static", "dynamic", "mixed")

    @classmethod
    def of(cls, baseline: Path) -> Self:
        """Read the structure of a baseline; raise ModelError where it cannot be read."""
        return cls(find_quantizable(baseline), baseline)

    def plan(
        self, data: MethodData, batches: Sequence[Arrays], recall: Recall, seconds: float
    ) -> RecipePlan | None:
        """Return mixed recipes that cost and error of their units promise; None without statistics."""
        ranges = data.statistics
        if self.baseline is None or not isinstance(ranges, Ranges):
            return None
        rows = list(islice(data.rows(), _PROBED))
        return Planner(self.baseline, ranges, rows, batches, recall, seconds).plan()

    def first(self) -> Iterator[Recipe]:
        """Yield recipes that differ in what is quantised and how; those that usually win come first."""
        yield from self._dynamic()
        yield from self._static()

    def refinements(self) -> Sequence[Callable[[Recipe], Iterator[Recipe]]]:
        """Return two phases: other calibration methods, then options that recover accuracy."""
        return self._calibrations, self._recoveries

    def without(self, recipe: Recipe, nodes: Sequence[str]) -> Recipe:
        """Return the recipe with more nodes in FP32, each with the Relu or Clip that is its only reader."""
        followers = self.graph.followers
        more = [node for name in nodes for node in (name, followers.get(name)) if node is not None]
        return recipe.model_copy(
            update={"nodes_to_exclude": tuple(dict.fromkeys((*recipe.kept_fp32, *more)))}
        )

    def protected(self, recipe: Recipe, everywhere: bool) -> Recipe | None:
        """Return the recipe with 7 bits for the weights that saturate on CPUs without VNNI.

        A dynamic recipe can only narrow all of its weights, which costs accuracy on other CPUs. So it is
        protected only where the job is judged on a CPU without VNNI (``everywhere``).
        """
        if not isinstance(recipe, OnnxRuntimeRecipe | Mixed) or recipe.reduce_range:
            return None
        if isinstance(recipe, Static) or (isinstance(recipe, Mixed) and recipe.int8 != ()):
            return recipe.model_copy(update={"reduce_range": "saturating"})
        return recipe.model_copy(update={"reduce_range": True}) if everywhere else None

    def _static(self) -> Iterator[Recipe]:
        graph = self.graph
        dense = tuple(name for name in _DENSE if name in graph.static)
        if not dense:
            return
        clips = tuple(name for name in _CLIPS if name in graph.static)
        yield Static(op_types_to_quantize=dense + clips)
        if graph.products:
            yield Static(op_types_to_quantize=dense + clips, nodes_to_exclude=graph.products)
        if graph.static - {*dense, *clips}:
            yield Static()
        if len(dense) > 1:
            yield from (Static(op_types_to_quantize=(name, *clips)) for name in dense)
        yield Static(op_types_to_quantize=dense + clips, per_channel=False)
        yield Static(op_types_to_quantize=dense + clips, activation_type="QInt8")

    def _dynamic(self) -> Iterator[Recipe]:
        """Convolutions stay out: their dynamic kernel is slower than FP32 on x86 and ARM."""
        dynamic = self.graph.dynamic
        gaining = _DYNAMIC & dynamic
        if not gaining:
            return
        kinds = {name for name in dynamic if not name.startswith("Conv")}
        most = None if kinds == dynamic else tuple(sorted(kinds))
        yield Dynamic(op_types_to_quantize=most)
        yield Dynamic(op_types_to_quantize=most, per_channel=False)
        if gaining < kinds:
            yield Dynamic(op_types_to_quantize=tuple(sorted(gaining)))
            yield Dynamic(op_types_to_quantize=tuple(sorted(gaining)), per_channel=False)

    def _calibrations(self, recipe: Recipe) -> Iterator[Recipe]:
        if isinstance(recipe, Static):
            for method in ("percentile", "entropy", "mse"):
                yield recipe.model_copy(update={"calibrate_method": method})
        if isinstance(recipe, Mixed) and recipe.int8 != ():
            for method in _MIXED_CALIBRATIONS:
                yield recipe.model_copy(update={"calibrate_method": method})

    def _recoveries(self, recipe: Recipe) -> Iterator[Recipe]:
        if not isinstance(recipe, Static):
            return
        if "Conv" in self.graph.static:
            yield recipe.model_copy(update={"cross_layer_equalization": True, "bias_correction": True})
        yield recipe.model_copy(update={"bias_correction": True})
        if "LayerNormalization" in self.graph.present:
            yield recipe.model_copy(update={"smooth_quant": _SMOOTH})
