"""What a search tries, in order: structure first, then calibration, then single nodes, then protection and recovery."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from inc_mlflow.records import Trial
from inc_mlflow.search.front import accepted, front, shortlist, surely_within
from inc_mlflow.spec import Dynamic, Recipe, Static, parse_recipe

_DENSE = ("Conv", "ConvTranspose", "Gemm", "MatMul")
"""Operators whose work grows faster than their data: where INT8 kernels gain."""
_CLIPS = ("Clip", "Relu")
"""Operators that cost nothing behind a quantised one, and keep it from being fused if they are left out."""
_DYNAMIC = frozenset({"Attention", "LSTM", "MatMul"})
"""Operators with dynamic kernels that gain; the others only go along."""
_FALLBACKS = (1, 2, 4, 8, 16)
"""Numbers of the most sensitive nodes that are tried in FP32."""

_ROUNDS = 3
_PATIENCE = 2
"""Trials in a row that may bring nothing: one node in FP32 between two in INT8 costs conversions, and a pair
may not."""
_WORTH = 0.85
"""Share of the speed of the fastest below which a recipe is not refined."""
_NEAR = 0.02
"""Relative distance of the outputs that no metric has been seen to notice."""
_GAIN = 0.01
"""Less gain in speed than this is noise."""


@dataclass(frozen=True)
class Graph:
    """What of the baseline can be quantised."""

    static: frozenset[str]
    """Operators that a static recipe can quantise."""
    dynamic: frozenset[str]
    """Operators that a dynamic recipe can quantise."""
    products: tuple[str, ...]
    """Names of MatMul nodes that multiply two activations."""
    present: frozenset[str]
    """All operators of the model."""
    followers: Mapping[str, str]
    """Nodes and the Relu or Clip that alone reads their output: both are quantised, or none."""


class Lab(Protocol):
    """Where recipes are tried; what was tried before is answered from the journal."""

    @property
    def trials(self) -> Sequence[Trial]:
        """All trials so far."""

    def trial(self, recipe: Recipe) -> Trial:
        """Make, measure and note one recipe."""

    def sensitivity(self, recipe: Recipe) -> Sequence[str]:
        """Return the nodes of a static recipe that add error, worst first."""

    def unpaid(self, recipe: Recipe) -> Sequence[str]:
        """Return the nodes that a recipe makes no faster, the slowest first."""


def explore(graph: Graph, lab: Lab) -> None:
    """Try recipes until nothing promising is left; the lab raises when the budget is spent."""
    for recipe in structures(graph):
        lab.trial(recipe)
    for improve in (_leave_unpaid, _calibrate, _recover, _leave_sensitive):
        for base in _promising(lab.trials):
            improve(base, graph, lab)


def structures(graph: Graph) -> Iterator[Recipe]:
    """Yield the recipes that differ in what is quantised and how, those that tend to win first."""
    dense = tuple(name for name in _DENSE if name in graph.static)
    yield from _dynamic(graph)
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


def _dynamic(graph: Graph) -> Iterator[Recipe]:
    """Convolutions stay out: their dynamic kernel is slower than FP32 on x86 and ARM."""
    gaining = _DYNAMIC & graph.dynamic
    if not gaining:
        return
    kinds = {name for name in graph.dynamic if not name.startswith("Conv")}
    most = None if kinds == graph.dynamic else tuple(sorted(kinds))
    yield Dynamic(op_types_to_quantize=most)
    yield Dynamic(op_types_to_quantize=most, per_channel=False)
    if gaining < kinds:
        yield Dynamic(op_types_to_quantize=tuple(sorted(gaining)))
        yield Dynamic(op_types_to_quantize=tuple(sorted(gaining)), per_channel=False)


def _promising(trials: Sequence[Trial]) -> list[Trial]:
    """Return the fastest accepted trial of each method that is nearly the fastest of all.

    Else the least bad trial.
    """
    by_method = [
        [trial for trial in trials if trial.recipe["method"] == method] for method in ("static", "dynamic")
    ]
    best = [trial for found in by_method for trial in front(found)[:1]]
    fastest = max(map(_speed, best), default=0.0)
    return [trial for trial in best if _speed(trial) >= _WORTH * fastest] or shortlist(trials)


def _calibrate(base: Trial, _: Graph, lab: Lab) -> None:
    recipe = parse_recipe(base.recipe)
    if isinstance(recipe, Static):
        for method in ("percentile", "entropy", "mse"):
            lab.trial(recipe.model_copy(update={"calibrate_method": method}))


def _leave_unpaid(base: Trial, graph: Graph, lab: Lab) -> None:
    """Leave nodes FP32 that INT8 makes no faster, as long as that brings speed.

    Then ask again of what is left.
    """
    for _round in range(_ROUNDS):
        better = _fewer(base, graph, lab)
        if better is base:
            return
        base = better


def _fewer(base: Trial, graph: Graph, lab: Lab) -> Trial:
    """Return the fastest of the trials that leave the costliest nodes out, one more node at a time, or ``base``."""
    recipe, best, misses = parse_recipe(base.recipe), base, 0
    nodes = [name for name in lab.unpaid(recipe) if name not in recipe.nodes_to_exclude]
    for count in range(1, len(nodes) + 1):
        trial = lab.trial(_without(recipe, nodes[:count], graph))
        better = _speed(trial) > _speed(best) * (1 + _GAIN)
        best, misses = (trial, 0) if better else (best, misses + 1)
        if misses == _PATIENCE:
            break
    return best


def _leave_sensitive(base: Trial, graph: Graph, lab: Lab) -> None:
    """Leave the nodes FP32 that add most of the error, more and more of them while little speed is lost."""
    if _is_exact(base):
        return
    recipe = parse_recipe(base.recipe)
    nodes = [name for name in lab.sensitivity(recipe) if name not in recipe.nodes_to_exclude]
    for count in (count for count in _FALLBACKS if count <= len(nodes) // 2):
        if _speed(lab.trial(_without(recipe, nodes[:count], graph))) < _WORTH * _speed(base):
            return


def _recover(base: Trial, graph: Graph, lab: Lab) -> None:
    recipe = parse_recipe(base.recipe)
    if not isinstance(recipe, Static):
        return
    if "Conv" in graph.static:
        lab.trial(recipe.model_copy(update={"cross_layer_equalization": True, "bias_correction": True}))
    lab.trial(recipe.model_copy(update={"bias_correction": True}))
    if "LayerNormalization" in graph.present:
        lab.trial(recipe.model_copy(update={"smooth_quant": 0.5}))


def protect(lab: Lab, everywhere: bool) -> None:
    """Try what the gate would get once more with the weights narrowed that saturate on CPUs without VNNI.

    A protected model takes the place of its unprotected form, and another one may then move up: until none
    does. A dynamic recipe can only narrow all of its weights: that is tried where the job is judged on such a
    CPU (``everywhere``), since it costs accuracy on the others.
    """
    tried = -1
    while tried != len(lab.trials):
        tried = len(lab.trials)
        for trial in shortlist(accepted(lab.trials)):
            _protect(parse_recipe(trial.recipe), lab, everywhere)


def _protect(recipe: Recipe, lab: Lab, everywhere: bool) -> None:
    if recipe.reduce_range:
        return
    if isinstance(recipe, Static):
        lab.trial(recipe.model_copy(update={"reduce_range": "saturating"}))
    elif everywhere:
        lab.trial(recipe.model_copy(update={"reduce_range": True}))


def _is_exact(trial: Trial) -> bool:
    """Tell whether a trial has nothing to gain: neither the metric nor the outputs show a loss."""
    if trial.relative_drop is None or trial.output_error is None:
        return False
    return surely_within(trial) and trial.relative_drop.value <= 0 and trial.output_error <= _NEAR


def _without(recipe: Recipe, nodes: Sequence[str], graph: Graph) -> Recipe:
    more = [one for name in nodes for one in (name, graph.followers.get(name)) if one is not None]
    return recipe.model_copy(
        update={"nodes_to_exclude": tuple(dict.fromkeys((*recipe.nodes_to_exclude, *more)))}
    )


def _speed(trial: Trial | None) -> float:
    return trial.speedup.value if trial is not None and trial.speedup is not None else 0.0
