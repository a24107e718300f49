"""What both methods share: options, checks of names, the call of the quantiser, a check that it changed."""

import logging
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import onnx
from onnxruntime.quantization import QuantType

from inc_mlflow.engines.int8_source import already_int8
from inc_mlflow.engines.onnxruntime.graph.int8_operators import int8_operators
from inc_mlflow.engines.onnxruntime.graph.library import library_call
from inc_mlflow.engines.onnxruntime.graph.model_file import read_structure
from inc_mlflow.engines.onnxruntime.options import OnnxRuntimeRecipe
from inc_mlflow.errors import ModelError, UnchangedError
from inc_mlflow.files import external_data
from inc_mlflow.registry import did_you_mean
from inc_mlflow.spec.recipes import Recipe


def common_options(baseline: Path, recipe: OnnxRuntimeRecipe) -> dict[str, Any]:
    """Return the arguments that ``quantize_static`` and ``quantize_dynamic`` have in common."""
    return {
        "op_types_to_quantize": list(recipe.op_types_to_quantize or ()),
        "nodes_to_exclude": list(recipe.nodes_to_exclude),
        "per_channel": recipe.per_channel,
        "reduce_range": recipe.reduce_range is True,
        "weight_type": QuantType[recipe.weight_type],
        "use_external_data_format": external_data(baseline).exists(),
    }


@contextmanager
def quantizer(recipe: OnnxRuntimeRecipe) -> Iterator[None]:
    """Enclose one call of ONNX Runtime's quantiser, and nothing of our own.

    Whatever it raises about a model becomes ModelError, with its whole text: it is Python code of somebody
    else, which fails on unusual graphs with any exception. A full disk or memory is no fault of the recipe.
    Its log is silent, since it warns about every tensor that it skips: the candidate is judged anyway.
    """
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    what = f"recipe {recipe.label()!r}: onnxruntime's quantiser fails on this model; choose another recipe"
    try:
        with library_call(what):
            yield
    finally:
        logging.disable(before)


def check_baseline(structure: onnx.ModelProto, recipe: Recipe, supported: Collection[str]) -> None:
    """Raise UnchangedError where the baseline has nothing to quantise, ModelError where it is INT8 itself."""
    if found := int8_operators(structure):
        raise ModelError(f"recipe {recipe.label()!r}: the model is {already_int8(found)}")
    if not any(node.op_type in supported for node in structure.graph.node):
        raise _nothing_to_quantize(recipe)


def check_operators(recipe: OnnxRuntimeRecipe, supported: Collection[str]) -> None:
    """Raise ModelError where the recipe names operators that the method cannot quantise."""
    operators = sorted(supported)
    for name in recipe.op_types_to_quantize or ():
        if name not in operators:
            raise ModelError(
                f"recipe {recipe.label()!r}: op_types_to_quantize: {name!r} cannot be quantised"
                f"{did_you_mean(name, operators)}; {recipe.method} handles {', '.join(operators)}"
            )


def check_nodes(structure: onnx.ModelProto, recipe: Recipe) -> None:
    """Raise ModelError where an excluded name matches no node, which ONNX Runtime itself would ignore."""
    nodes = [node.name for node in structure.graph.node]
    for name in recipe.kept_fp32:
        if name not in nodes:
            raise ModelError(
                f"recipe {recipe.label()!r}: nodes_to_exclude: the baseline has no node {name!r}"
                f"{did_you_mean(name, nodes)}; see its node names with `inc-mlflow import`"
            )


def check_changed(target: Path, recipe: Recipe) -> None:
    """Raise UnchangedError where the candidate is still FP32."""
    if not int8_operators(read_structure(target)):
        raise _nothing_to_quantize(recipe)


def _nothing_to_quantize(recipe: Recipe) -> UnchangedError:
    return UnchangedError(
        f"recipe {recipe.label()!r}: nothing in this model can be quantised that way; try another method"
    )
