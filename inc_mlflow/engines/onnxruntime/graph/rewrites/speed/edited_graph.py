"""A model's main graph while rules change it: who makes and reads each tensor, constants, shapes."""

import math
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import numpy_helper

from inc_mlflow.engines.onnxruntime.graph.initializers import values
from inc_mlflow.engines.onnxruntime.graph.renaming import all_names, unused
from inc_mlflow.engines.onnxruntime.graph.topological import sort_nodes
from inc_mlflow.engines.onnxruntime.graph.uses import Use, Uses

_STANDARD = {"", "ai.onnx"}
Shape = tuple[int | None, ...]
"""None is a free axis."""


class EditedGraph:
    """Index of a main graph that stays right while nodes come and go.

    Only ``save`` writes the nodes back. Shapes are those that the file states.
    """

    def __init__(self, model: onnx.ModelProto, folder: Path) -> None:
        self._model, self._folder = model, folder
        self._nodes: dict[str, onnx.NodeProto] = {}
        self._makers: dict[str, onnx.NodeProto] = {}
        self._uses: dict[str, list[Use]] = {}
        self._outside = Uses(model)
        self._taken = all_names(model)
        self._tensors = {tensor.name: tensor for tensor in model.graph.initializer}
        self._new: dict[str, np.ndarray] = {}
        self._types, self._shapes = _stated(model)
        for node in model.graph.node:
            if any(node.output):  # without one it computes nothing
                self._enter(node)

    def nodes(self, *kinds: str) -> Iterator[onnx.NodeProto]:
        """Yield the standard operators of these kinds that are still there when their turn comes."""
        for key, node in list(self._nodes.items()):
            if node.op_type in kinds and self._nodes.get(key) is node and node.domain in _STANDARD:
                yield node

    def maker(self, name: str, *kinds: str) -> onnx.NodeProto | None:
        """Return the standard operator of one of these kinds whose first output is this tensor."""
        node = self._makers.get(name)
        fits = node is not None and node.op_type in kinds and node.domain in _STANDARD
        return node if fits and node is not None and node.output[0] == name else None

    def uses(self, name: str) -> list[Use]:
        """Return the uses of a tensor by nodes of the main graph."""
        return list(self._uses.get(name, ()))

    def inside(self, name: str) -> bool:
        """Tell whether nodes of the main graph alone read a tensor: no output, none read by a body."""
        return not self._outside.elsewhere(name)

    def only_use(self, name: str) -> Use | None:
        """Return the use of a tensor that is read once, and inside."""
        uses = self._uses.get(name, [])
        return uses[0] if len(uses) == 1 and self.inside(name) else None

    def reader(self, name: str, *kinds: str) -> onnx.NodeProto | None:
        """Return the standard operator of one of these kinds that alone reads a tensor, and reads it once."""
        use = self.only_use(name)
        fits = use is not None and use.node.op_type in kinds and use.node.domain in _STANDARD
        return use.node if fits and use is not None else None

    def constant(self, name: str) -> np.ndarray | None:
        """Return the values of a constant; None where the tensor is anything else, or missing."""
        if name in self._new:
            return self._new[name]
        return values(self._tensors[name], self._folder) if name in self._tensors else None

    def constant_shape(self, name: str) -> tuple[int, ...] | None:
        """Return the shape of a constant, without reading it; None where the tensor is anything else."""
        if name in self._new:
            return self._new[name].shape
        return tuple(self._tensors[name].dims) if name in self._tensors else None

    def floats(self, name: str) -> np.ndarray | None:
        """Return the values of a finite float32 constant."""
        if name not in self._new and not self._is_float(name):
            return None
        found = self.constant(name)
        right = found is not None and found.dtype == np.float32 and bool(np.isfinite(found).all())
        return found if right else None

    def number(self, name: str) -> float | None:
        """Return a float32 constant of one element."""
        found = self.floats(name) if self._size(name) == 1 else None
        return None if found is None else float(found.reshape(-1)[0])

    def integers(self, name: str) -> tuple[int, ...] | None:
        """Return a small integer constant."""
        found = self.constant(name) if self._size(name) <= _FEW else None
        whole = found is not None and found.dtype in {np.dtype(np.int32), np.dtype(np.int64)}
        return tuple(int(one) for one in found.reshape(-1)) if whole and found is not None else None

    def shape(self, name: str) -> Shape | None:
        """Return the shape of a tensor; None where its rank is unknown."""
        fixed = self.constant_shape(name)
        return self._shapes.get(name) if fixed is None else fixed

    def element_type(self, name: str) -> int:
        """Return the number that ONNX gives to the type of a tensor's elements; 0 where it is unknown."""
        tensor = self._tensors.get(name)
        return self._types.get(name, 0) if tensor is None else tensor.data_type

    def new_constant(self, array: np.ndarray, like: str) -> str:
        """Add a constant, and return its name, which is like another's."""
        name = unused(like, self._taken)
        self._new[name] = np.asarray(array, order="C")  # keeps a number without axes
        return name

    def read(self, use: Use, name: str) -> None:
        """Let a node read another tensor in this place, which may not be there yet."""
        old = use.node.input[use.position] if use.position < len(use.node.input) else ""
        if old:
            self._forget_use(old, use)
        while len(use.node.input) <= use.position:
            use.node.input.append("")
        use.node.input[use.position] = name
        self._uses.setdefault(name, []).append(use)
        if old:
            self._drop_unread(old)

    def move_uses(self, old: str, new: str) -> None:
        """Let all that reads one tensor, which is inside, read another; what made it goes if unread."""
        for use in self.uses(old):
            self.read(use, new)

    def add(self, kind: str, inputs: Sequence[str], like: str, shape: Shape | None, **attributes: Any) -> str:
        """Add a node and return the name of its output, which has this shape."""
        output = unused(like, self._taken)
        if shape is not None:
            self._shapes[output] = shape
        self._enter(onnx.helper.make_node(kind, inputs, [output], **attributes))
        return output

    def put(self, node: onnx.NodeProto, kind: str, inputs: Sequence[str], **attributes: Any) -> None:
        """Let another operator make the one output of a node, which goes; it keeps the node's name."""
        name, output = node.name, list(node.output[:1])
        self._leave(node)
        self._enter(onnx.helper.make_node(kind, inputs, output, name, **attributes))
        for given in node.input:
            self._drop_unread(given)

    def pass_over(self, node: onnx.NodeProto) -> None:
        """Remove a node that alone reads what its maker makes: the maker makes the node's output itself."""
        maker = next(self._makers[name] for name in node.input if name in self._makers)
        self._leave(node)
        self._leave(maker)
        maker.output[0] = node.output[0]
        self._enter(maker)

    def save(self) -> None:
        """Write the nodes into the model, in an order that follows the data, and drop unread constants."""
        graph = self._model.graph
        nodes = [onnx.NodeProto.FromString(node.SerializeToString()) for node in self._nodes.values()]
        del graph.node[:]
        graph.node.extend(nodes)
        keep = [t for name, t in self._tensors.items() if self._uses.get(name) or not self.inside(name)]
        kept = [onnx.TensorProto.FromString(tensor.SerializeToString()) for tensor in keep]
        del graph.initializer[:]
        graph.initializer.extend(kept)
        read = [name for name in self._new if self._uses.get(name)]
        graph.initializer.extend(numpy_helper.from_array(self._new[name], name) for name in read)
        made = {name for node in graph.node for name in node.output}
        left = [value for value in graph.value_info if value.name in made]
        del graph.value_info[:]
        graph.value_info.extend(left)
        sort_nodes(self._model)

    def _enter(self, node: onnx.NodeProto) -> None:
        self._nodes[_key(node)] = node
        for name in node.output:
            if name:
                self._makers[name] = node
        for position, name in enumerate(node.input):
            if name:
                self._uses.setdefault(name, []).append(Use(node, position))

    def _leave(self, node: onnx.NodeProto) -> None:
        del self._nodes[_key(node)]
        for name in node.output:
            self._makers.pop(name, None)
        for position, name in enumerate(node.input):
            if name:
                self._forget_use(name, Use(node, position))

    def _forget_use(self, name: str, use: Use) -> None:
        rest = [u for u in self._uses[name] if u.node is not use.node or u.position != use.position]
        self._uses[name] = rest

    def _drop_unread(self, name: str) -> None:
        """Remove the node that makes a tensor where nothing reads any of its outputs, and so on backwards."""
        node = self._makers.get(name)
        if node is None or any(self._uses.get(one) or not self.inside(one) for one in node.output if one):
            return
        self._leave(node)
        for given in node.input:
            self._drop_unread(given)

    def _is_float(self, name: str) -> bool:
        tensor = self._tensors.get(name)
        return tensor is not None and tensor.data_type == onnx.TensorProto.FLOAT

    def _size(self, name: str) -> int:
        shape = self.constant_shape(name)
        return _FEW + 1 if shape is None else math.prod(shape)


_FEW = 64
"""Elements of a constant that may be a list of axes, or a shape."""


def _key(node: onnx.NodeProto) -> str:
    return str(next(name for name in node.output if name))


def _stated(model: onnx.ModelProto) -> tuple[dict[str, int], dict[str, Shape]]:
    """Return types and shapes of the tensors for which the file states them."""
    graph = model.graph
    tensors = {v.name: v.type.tensor_type for v in (*graph.value_info, *graph.input, *graph.output)}
    types = {name: kind.elem_type for name, kind in tensors.items()}
    shaped = {name: kind for name, kind in tensors.items() if kind.HasField("shape")}
    return types, {name: tuple(map(_length, kind.shape.dim)) for name, kind in shaped.items()}


def _length(axis: onnx.TensorShapeProto.Dimension) -> int | None:
    return int(axis.dim_value) if axis.HasField("dim_value") else None
