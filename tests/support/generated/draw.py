"""Graph N: a valid model that plain ONNX Runtime runs, and rows for it; drawn again until it is both."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import onnx
import onnxruntime

from inc_mlflow.arrays import Arrays
from tests.support.generated import (  # noqa: F401  each fills the table of layers
    activations,
    arithmetic,
    control_flow,
    convolutions,
    indexing,
    normalizations,
    products,
    reductions,
    sequences,
    shaping,
)
from tests.support.generated.builder import GraphBuilder, Style, Tensor
from tests.support.generated.layers import LAYERS, MOST_ELEMENTS, elements

SEED = 14
ROWS = 6
OLDEST, NEWEST = 7, 26
MOST_TRIES = 60
QUIET, LOUD = 1e-2, 1e3
"""Root mean square of an output between which a relative error says something."""

DRIFT = 0.05
"""Largest share by which roundings of an optimised half-precision graph change an output."""
ALL = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL
DISABLE_ALL = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL


@dataclass(frozen=True)
class Drawn:
    """``redrawn`` counts, by reason, the graphs thrown away before."""

    model: onnx.ModelProto
    rows: dict[str, np.ndarray]
    kinds: frozenset[str]
    redrawn: Counter[str]


def draw(number: int) -> Drawn:
    """Return graph ``number``."""
    redrawn: Counter[str] = Counter()
    for attempt in range(MOST_TRIES):
        builder, outputs = _layers(np.random.default_rng([SEED, number, attempt]))
        model = builder.model(outputs)
        flaw = _flaw(model, builder.fed)
        if flaw is None:
            return Drawn(model, builder.fed, frozenset(builder.kinds), redrawn)
        redrawn[flaw] += 1
    raise AssertionError(f"graph {number}: nothing valid in {MOST_TRIES} tries: {redrawn}")


def _layers(rng: np.random.Generator) -> tuple[GraphBuilder, list[Tensor]]:
    builder = GraphBuilder(rng, _style(rng), ROWS)
    builder.live.append(_first(builder))
    wanted = int(rng.integers(2, 14))
    read: set[str] = set()
    for _ in range(wanted * 4):
        tensor = builder.live[-1] if rng.random() < 0.7 else builder.pick(builder.live)
        fitting = [layer for layer in LAYERS if layer.fits(builder.opset, tensor)]
        if not fitting:
            continue
        weights = np.array([layer.weight for layer in fitting])
        chosen = fitting[int(rng.choice(len(fitting), p=weights / weights.sum()))]
        new = [one for one in chosen.apply(builder, tensor) if one.rank >= 2]
        if not new or max(elements(one) for one in new) > MOST_ELEMENTS:
            continue
        read.add(tensor.name)
        builder.live.extend(new)
        wanted -= 1
        if not wanted:
            break
    return builder, _outputs(builder, read)


def _first(builder: GraphBuilder) -> Tensor:
    """A float input, or pixels that the graph casts and scales."""
    rows = _rows(builder.rng)
    if not builder.chance(0.06):
        return builder.input(rows.astype(builder.style.dtype))
    pixels = builder.input(np.clip(rows * 60 + 120, 0, 255).astype(np.uint8))
    floats = builder.add("Cast", [pixels], pixels.shape, to=builder.float_type)
    return builder.add("Mul", [floats, builder.scalar(1 / 64)], pixels.shape)


def _outputs(builder: GraphBuilder, read: set[str]) -> list[Tensor]:
    """The last tensor, most of those that no layer read, and now and then one that is read as well."""
    made = builder.live[1:]
    if not made:
        return [builder.add("Identity", [builder.live[0]], builder.live[0].shape)]
    ends = [one for one in made[:-1] if builder.chance(0.1 if one.name in read else 0.7)]
    last = made[-1]
    if builder.chance(0.06):
        last = builder.add("ReduceMean", [last], (), keepdims=0)
    ends.append(last)
    if builder.chance(0.04) and builder.live[0].name in builder.fed:
        ends.append(builder.live[0])
    return ends[-4:]


def _rows(rng: np.random.Generator) -> np.ndarray:
    """Rows of an image, a sequence, a vector, a signal or a volume, some with an outlier channel."""
    shapes = [
        (3, 8, 8),
        (1, 7, 5),
        (4, 6, 6),
        (8, 4, 4),
        (5, 8),
        (6, 4),
        (8,),
        (12,),
        (1,),
        (3, 16),
        (2, 4, 4, 4),
    ]
    shape = shapes[int(rng.integers(len(shapes)))]
    rows = rng.standard_normal((ROWS, *shape))
    if rng.random() < 0.1:
        rows[:, 0] *= 6.0
    return rows + (0.5 if rng.random() < 0.3 else 0.0)


def _style(rng: np.random.Generator) -> Style:
    opset = int(rng.integers(OLDEST, NEWEST + 1))
    oldest = 3 if opset <= 10 else onnx.helper.find_min_ir_version_for([onnx.helper.make_opsetid("", opset)])
    newest = onnx.IR_VERSION - 1
    dtype = rng.choice(np.array([np.float32, np.float16, np.float64]), p=[0.86, 0.07, 0.07])
    return Style(
        opset=opset,
        ir_version=int(rng.integers(oldest, newest + 1)),
        dtype=dtype,
        name=_NAMES[int(rng.choice(len(_NAMES), p=[0.5, 0.15, 0.1, 0.15, 0.1]))],
        node_names=bool(rng.random() < 0.7),
        constant_nodes=float(rng.choice([0.0, 0.0, 0.3, 1.0])),
        shared=float(rng.choice([0.0, 0.15, 0.5])),
        listed_as_inputs=bool(rng.random() < 0.1),
        free_batch=bool(rng.random() < 0.6),
    )


def _plain(number: int, word: str) -> str:
    return f"{word.lower()}_{number}"


def _as_exported(number: int, word: str) -> str:
    return f"/encoder/layers.{number}/{word}/{word}_output_0"


def _unicode(number: int, word: str) -> str:
    return f"层 {number}/été:{word}"


def _as_quantised(number: int, word: str) -> str:
    """Names that a quantiser gives to what it adds to tensor ``t<n>``."""
    endings = ["", "_quantized", "_scale", "_zero_point", "_DequantizeLinear", "_QuantizeLinear_Output"]
    stem = f"t{number // len(endings)}"
    return stem + endings[number % len(endings)]


def _long(number: int, word: str) -> str:
    return f"{word}{'_block' * 40}_{number}"


_NAMES: list[Callable[[int, str], str]] = [_plain, _as_exported, _unicode, _as_quantised, _long]


def _flaw(model: onnx.ModelProto, rows: Arrays) -> str | None:
    """Return why a graph is thrown away; None where it is good."""
    try:
        onnx.checker.check_model(model)
    except onnx.checker.ValidationError as error:
        return f"checker: {str(error).splitlines()[0][:120]}"
    try:
        found, plain = (_run(model, rows, level) for level in (ALL, DISABLE_ALL))
    except Exception as error:  # noqa: BLE001  any reason: this is not the program under test
        return f"onnxruntime: {str(error).splitlines()[0][:120]}"
    _check_shapes(model, found[0])
    outputs = list(zip(*found, strict=True))
    if flaw := next((flaw for values in outputs if (flaw := _size(values))), None):
        return flaw
    # As ONNX Runtime 1.32 does with the product of a transposed tensor and a vector.
    alike = all(map(_alike, outputs, zip(*plain, strict=True)))
    return None if alike else "onnxruntime: its optimiser changes what the graph computes"


def _run(
    model: onnx.ModelProto, rows: Arrays, level: onnxruntime.GraphOptimizationLevel
) -> list[list[np.ndarray]]:
    """Return the outputs of each row."""
    settings = onnxruntime.SessionOptions()
    settings.intra_op_num_threads = 1
    settings.log_severity_level = 4
    settings.graph_optimization_level = level
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), settings, providers=["CPUExecutionProvider"]
    )
    single = [{name: array[row : row + 1] for name, array in rows.items()} for row in range(ROWS)]
    return [session.run(None, row) for row in single]


def _alike(one: tuple[np.ndarray, ...], other: tuple[np.ndarray, ...]) -> bool:
    """Tell whether the values of an output differ by roundings at most; positions may at ties."""
    a, b = (np.concatenate([np.ravel(value) for value in values]) for values in (one, other))
    if a.dtype.kind != "f":
        return True
    size = max(float(np.abs(a).max(initial=0)), QUIET)
    return bool(np.abs(a.astype(np.float64) - b).max(initial=0) <= DRIFT * size)


def _check_shapes(model: onnx.ModelProto, found: list[np.ndarray]) -> None:
    """A declared shape that is not the real one would be a fault of the generator."""
    for one, value in zip(model.graph.output, found, strict=True):
        declared = [dim.dim_value or 1 for dim in one.type.tensor_type.shape.dim]
        assert declared == list(value.shape), f"{one.name} is declared as {declared}, is {value.shape}"


def _size(values: tuple[np.ndarray, ...]) -> str | None:
    if values[0].dtype.kind != "f":
        return None
    flat = np.concatenate([np.ravel(value) for value in values]).astype(np.float64)
    if not np.isfinite(flat).all():
        return "values: not finite"
    size = float(np.sqrt(np.mean(flat**2))) if flat.size else 0.0
    return None if QUIET < size < LOUD else "values: very small or very large"
