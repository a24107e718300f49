"""A mixed model: units of the baseline in INT8, as a recipe names them, the others dynamic or FP32."""

import tempfile
from collections.abc import Collection, Iterable
from dataclasses import replace
from pathlib import Path

from inc_mlflow.engines.engine import MethodData
from inc_mlflow.engines.onnxruntime.analysis.saturation import ROWS, first_rows, predict, saturating_weights
from inc_mlflow.engines.onnxruntime.calibration.collect import QUANTIZABLE
from inc_mlflow.engines.onnxruntime.calibration.ranges import Ranges
from inc_mlflow.engines.onnxruntime.graph.model_file import MODEL, read_structure
from inc_mlflow.engines.onnxruntime.graph.network import save_beside
from inc_mlflow.engines.onnxruntime.methods.quantizer import check_baseline, check_changed, check_nodes
from inc_mlflow.engines.onnxruntime.mixed.kernels import without_integer_kernel
from inc_mlflow.engines.onnxruntime.mixed.unit import Unit
from inc_mlflow.engines.onnxruntime.mixed.unit_graph import UnitGraph
from inc_mlflow.engines.onnxruntime.mixed.writer import Assignment, write_mixed
from inc_mlflow.engines.onnxruntime.options import Mixed
from inc_mlflow.errors import ModelError
from inc_mlflow.registry import did_you_mean

_ROUNDS = 4
"""Writings of a model without a list: a unit that becomes FP32 may take the integer input from the next."""


class MixedMethod:
    """Our own writer of QuantizeLinear and DequantizeLinear, unit by unit."""

    def check(self, recipe: Mixed) -> None:
        """Accept every recipe: which units there are, only the model tells."""

    def apply(self, baseline: Path, recipe: Mixed, data: MethodData, target: Path) -> None:
        """Write the candidate.

        Raises ModelError where the recipe names units that do not exist or cannot have that state, where
        ONNX Runtime has no integer kernel for one of them, or where nothing is left in INT8.
        """
        structure = read_structure(baseline)
        check_baseline(structure, recipe, QUANTIZABLE)
        check_nodes(structure, recipe)
        source = UnitGraph.of(baseline, _ranges(data, recipe), recipe.calibrate_method)
        assignment = _assignment(source, recipe)
        if recipe.int8 is None:
            assignment = _with_kernels(source, assignment, baseline, target.parent)
        if recipe.reduce_range:
            assignment = replace(
                assignment, narrow=_narrow(source, recipe, assignment, baseline, data, target.parent)
            )
        _write(source, assignment, baseline, target)
        check_changed(target, recipe)
        if recipe.int8 is not None and (left := _left(source, assignment, target)):
            raise ModelError(
                f"recipe {recipe.label()!r}: int8: onnxruntime has no integer kernel for {_names(left)}; "
                "leave it out"
            )


METHOD = MixedMethod()


def _ranges(data: MethodData, recipe: Mixed) -> Ranges:
    """Return the statistics; raise TypeError where our calibrator did not make them."""
    if data.statistics is None:
        raise ModelError(f"recipe {recipe.label()!r}: a mixed model needs ranges, see `inc-mlflow calibrate`")
    if not isinstance(data.statistics, Ranges):
        raise TypeError(f"statistics of another engine: {type(data.statistics).__name__}")
    return data.statistics


def _assignment(source: UnitGraph, recipe: Mixed) -> Assignment:
    """Return the state of each unit; raise ModelError where a unit cannot have the one that it should."""
    excluded = set(recipe.nodes_to_exclude)
    kept = {unit for unit in source.units.units if any(node.name in excluded for node in unit.nodes)}
    named = [_unit(source, recipe, "dynamic", name) for name in recipe.dynamic]
    for unit in named:
        if not unit.dynamic:
            raise ModelError(
                f"recipe {recipe.label()!r}: dynamic: {unit.name!r} is no Gemm or MatMul "
                "with constant weights"
            )
    dynamic = {unit for unit in named if unit not in kept}
    if recipe.int8 is None:
        int8 = [unit for unit in source.able() if unit not in kept | dynamic]
    else:
        int8 = [_unit(source, recipe, "int8", name) for name in recipe.int8]
        for unit in int8:
            if (lacks := source.lacks(unit)) is not None:
                raise ModelError(
                    f"recipe {recipe.label()!r}: int8: {unit.name!r} cannot compute in INT8: {lacks}"
                )
        int8 = [unit for unit in int8 if unit not in kept]
    return Assignment(frozenset(unit.name for unit in int8), frozenset(unit.name for unit in dynamic))


def _unit(source: UnitGraph, recipe: Mixed, field: str, name: str) -> Unit:
    unit = source.units.named(name)
    if unit is None:
        raise ModelError(
            f"recipe {recipe.label()!r}: {field}: no unit of the baseline begins with a node {name!r}"
            f"{did_you_mean(name, [one.name for one in source.units.units])}"
        )
    return unit


def _with_kernels(source: UnitGraph, assignment: Assignment, baseline: Path, folder: Path) -> Assignment:
    """Return the assignment without the units that ONNX Runtime would compute in FP32 all the same."""
    with tempfile.TemporaryDirectory(dir=folder) as scratch:
        tried = Path(scratch) / MODEL
        for _round in range(_ROUNDS):
            _write(source, assignment, baseline, tried)
            left = _left(source, assignment, tried)
            if not left:
                break
            assignment = replace(assignment, int8=assignment.int8 - {unit.name for unit in left})
    return assignment


def _left(source: UnitGraph, assignment: Assignment, model: Path) -> list[Unit]:
    int8 = [unit for unit in source.units.units if unit.name in assignment.int8]
    return without_integer_kernel(model, int8)


def _narrow(
    source: UnitGraph, recipe: Mixed, assignment: Assignment, baseline: Path, data: MethodData, folder: Path
) -> frozenset[str]:
    """Return the units that need 7 bits: all, or those whose layers saturate on calibration rows."""
    if recipe.reduce_range is True:
        return assignment.int8 | assignment.dynamic
    with tempfile.TemporaryDirectory(dir=folder) as scratch:
        plain = Path(scratch) / MODEL
        _write(source, assignment, baseline, plain)
        weights = saturating_weights(predict(plain, first_rows(data.rows(), ROWS), data.threads))
    return frozenset(_reading(source.units.units, weights))


def _reading(units: Iterable[Unit], weights: Collection[str]) -> list[str]:
    return [unit.name for unit in units if len(unit.first.input) > 1 and unit.first.input[1] in weights]


def _write(source: UnitGraph, assignment: Assignment, baseline: Path, target: Path) -> None:
    model = write_mixed(source.network, source.units, source.ranges, assignment)
    save_beside(model, baseline, target)


def _names(units: list[Unit]) -> str:
    first = ", ".join(repr(unit.name) for unit in units[:3])
    return first if len(units) <= 3 else f"{first} and {len(units) - 3} more"
