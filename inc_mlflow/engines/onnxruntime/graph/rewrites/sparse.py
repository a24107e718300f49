"""Make sparse initialisers dense: no quantiser reads them."""

from pathlib import Path

import numpy as np
import onnx
from onnx import numpy_helper

from inc_mlflow.engines.onnxruntime.graph.initializers import values
from inc_mlflow.engines.onnxruntime.graph.renaming import all_graphs
from inc_mlflow.engines.onnxruntime.graph.rewrites.rewrite import Rewrite


def _make_dense(model: onnx.ModelProto, folder: Path) -> onnx.ModelProto | None:
    changed = False
    for graph in all_graphs(model.graph):
        for sparse in graph.sparse_initializer:
            graph.initializer.append(numpy_helper.from_array(_dense(sparse, folder), sparse.values.name))
            changed = True
        del graph.sparse_initializer[:]
        for node in graph.node:
            changed |= _dense_constant(node, folder)
    return model if changed else None


def _dense_constant(node: onnx.NodeProto, folder: Path) -> bool:
    """Make the value of a Constant node dense; return whether it was sparse."""
    found = [attribute for attribute in node.attribute if attribute.name == "sparse_value"]
    for attribute in found:
        dense = numpy_helper.from_array(_dense(attribute.sparse_tensor, folder))
        attribute.CopyFrom(onnx.helper.make_attribute("value", dense))
    return bool(found)


def _dense(sparse: onnx.SparseTensorProto, folder: Path) -> np.ndarray:
    """Return values with zeros between; indices are linear (n,) or coordinates (n, rank)."""
    found, indices = values(sparse.values, folder), values(sparse.indices, folder)
    dense = np.zeros(tuple(sparse.dims), found.dtype)
    if indices.ndim == 1:
        dense.reshape(-1)[indices] = found
    else:
        dense[tuple(indices.T)] = found
    return dense


DENSE = Rewrite("sparse initializers", _make_dense)
