"""Turn any ONNX file into the baseline: current opset, constants and batch norm folded, shapes inferred."""

import tempfile
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import onnx
from onnxruntime.quantization.quant_utils import add_pre_process_metadata

from inc_mlflow.engines.onnxruntime.graph.fold import FOLD, check_room, fold, is_large, write_model
from inc_mlflow.engines.onnxruntime.graph.kept_row_axes import keep_row_axes
from inc_mlflow.engines.onnxruntime.graph.model_file import MODEL, all_nodes, read_structure
from inc_mlflow.engines.onnxruntime.graph.rewrites.collisions import COLLISIONS
from inc_mlflow.engines.onnxruntime.graph.rewrites.copies import COPIES
from inc_mlflow.engines.onnxruntime.graph.rewrites.floats import DOUBLE, HALF, PRECISIONS, float_types
from inc_mlflow.engines.onnxruntime.graph.rewrites.functions import FUNCTIONS
from inc_mlflow.engines.onnxruntime.graph.rewrites.gemm import GEMM
from inc_mlflow.engines.onnxruntime.graph.rewrites.opset import OPSET, RAISE_OPSET, opset_of
from inc_mlflow.engines.onnxruntime.graph.rewrites.pass_through import PASS_THROUGH
from inc_mlflow.engines.onnxruntime.graph.rewrites.rewrite import Rewrite
from inc_mlflow.engines.onnxruntime.graph.rewrites.slow_fusion import SLOW_FUSION
from inc_mlflow.engines.onnxruntime.graph.rewrites.sparse import DENSE
from inc_mlflow.engines.onnxruntime.graph.rewrites.speed.rule import apply_rules
from inc_mlflow.engines.onnxruntime.graph.rewrites.speed.rules import SPEED, STAGES
from inc_mlflow.engines.onnxruntime.graph.rewrites.types import TYPES
from inc_mlflow.engines.onnxruntime.graph.skeleton import drop_initializers_from_inputs
from inc_mlflow.engines.row_axes import RowAxes
from inc_mlflow.errors import ModelError
from inc_mlflow.files import external_data

__all__ = ["OPSET", "REWRITES", "Normalized", "normalize"]
_BEFORE = (FUNCTIONS, DENSE, RAISE_OPSET, HALF, DOUBLE)
_FOLDED = (GEMM, TYPES)
_AFTER = (COPIES, PASS_THROUGH, COLLISIONS, SLOW_FUSION, TYPES)
REWRITES = (
    *(one.name for one in _BEFORE),
    *(FOLD, GEMM.name),
    *SPEED,
    *(one.name for one in _AFTER),
)
"""Names of all rewrites, in their order."""
_IR_VERSION = 8
"""Lowest version of the format: that of opset 17. Since 4, initialisers need not be inputs as well."""


@dataclass(frozen=True)
class Normalized:
    """Facts about a baseline."""

    opset: int
    precision: str
    """The coarsest float type that the source computes with."""
    notes: tuple[str, ...]
    quickened: Mapping[str, int]
    """How often each rule that makes the graph faster was applied, also those that were not."""


def normalize(
    source: Path, directory: Path, without: Collection[str] = (), axes: RowAxes | None = None
) -> Normalized:
    """Write the baseline ``model.onnx`` into ``directory``, without some of ``REWRITES``.

    Above 2 GB the weights are in a file beside it. ``axes`` are kept in its metadata.

    Raises ModelError where the source cannot be read or
    converted, and the error of a full disk where the baseline does not fit.
    """
    model = read_structure(
        source
    )  # refuses weights outside the source's directory before anything reads them
    types = float_types(model)
    model.ir_version = max(model.ir_version, _IR_VERSION)
    drop_initializers_from_inputs(model)
    model, notes = _rewritten(model, _BEFORE, source, source.parent, without)
    target = directory / MODEL
    large = is_large(model)
    check_room(model, target)
    if FOLD in without:
        write_model(model, source.parent, target, large)
        del model
    else:
        with tempfile.TemporaryDirectory(dir=directory) as folder:
            plain = Path(folder) / MODEL
            write_model(model, source.parent, plain, large)
            del model  # ONNX Runtime reads it into memory again
            fold(plain, target, large, source)
    opset, quickened = _finish(target, source, without, axes)
    return Normalized(opset, _coarsest(types), notes, quickened)


def _rewritten(
    model: onnx.ModelProto, rewrites: Iterable[Rewrite], source: Path, folder: Path, without: Collection[str]
) -> tuple[onnx.ModelProto, tuple[str, ...]]:
    """Return the model and the notes of the rewrites that were applied."""
    notes = []
    for rewrite in rewrites:
        if rewrite.name in without:
            continue
        try:
            changed = rewrite.apply(model, folder)
        except ModelError as error:
            raise ModelError(f"{source}: {error}") from error
        if changed is not None:
            model = changed
            notes += [rewrite.note] if rewrite.note else []
    return model, tuple(notes)


def _finish(
    target: Path, source: Path, without: Collection[str], axes: RowAxes | None
) -> tuple[int, dict[str, int]]:
    """Make the folded model fast and quantisable; return its opset, and how often each rule was applied.

    Every node gets a name, and operator sets that ONNX Runtime lists but no node uses are dropped.
    """
    folded = onnx.load(target, load_external_data=False)
    if not folded.graph.node:  # a file without nodes is taken for a truncated one
        raise ModelError(f"{source}: no output depends on an input; there is nothing to quantise")
    model, _ = _rewritten(folded, _FOLDED, source, target.parent, without)
    quickened = apply_rules(model, target.parent, STAGES, without)
    model, _ = _rewritten(model, _AFTER, source, target.parent, without)
    _name_nodes(model)
    used = {node.domain for node in all_nodes(model)} | {""}
    keep = [entry for entry in model.opset_import if entry.domain in used]
    del model.opset_import[:]
    model.opset_import.extend(keep)
    add_pre_process_metadata(model)
    keep_row_axes(model, axes)
    write_model(model, target.parent, target, external_data(target).exists())
    return opset_of(model), quickened


def _coarsest(types: Collection[int]) -> str:
    """Return NumPy's name of the coarsest of these types besides float32."""
    coarse = [name for kind, name in PRECISIONS.items() if kind in types and name != "float64"]
    return max(coarse, default="float32", key=lambda name: name == "bfloat16")


def _name_nodes(model: onnx.ModelProto) -> None:
    """Recipes exclude nodes by name, so each needs one of its own."""
    taken = {node.name for node in model.graph.node if node.name}
    seen: set[str] = set()
    for index, node in enumerate(model.graph.node):
        if not node.name or node.name in seen:
            node.name = f"{node.op_type}_{index}"
            while node.name in taken:
                node.name += "_"
            taken.add(node.name)
        seen.add(node.name)
