"""The order of nodes in a file: ONNX Runtime takes any, its quantiser only one that follows the data."""

import heapq

import onnx

from inc_mlflow.engines.onnxruntime.graph.captured import captured_tensors


def sort_nodes(model: onnx.ModelProto) -> None:
    """Bring the nodes of the main graph into an order in which each follows those that make its inputs.

    Nodes in such an order already stay as they are.
    """
    nodes = model.graph.node
    makers = {name: at for at, node in enumerate(nodes) for name in node.output if name}
    awaited = [{makers[name] for name in _read(node) if name in makers} for node in nodes]
    readers: dict[int, list[int]] = {}
    for at, before in enumerate(awaited):
        for maker in before:
            readers.setdefault(maker, []).append(at)
    ready, order = [at for at, before in enumerate(awaited) if not before], list[int]()
    while ready:
        order.append(heapq.heappop(ready))
        for at in readers.get(order[-1], ()):
            awaited[at].remove(order[-1])
            if not awaited[at]:
                heapq.heappush(ready, at)
    if order != sorted(order):
        # copies, since protobuf frees what it deletes
        copies = [onnx.NodeProto.FromString(nodes[at].SerializeToString()) for at in order]
        del nodes[:]
        nodes.extend(copies)


def _read(node: onnx.NodeProto) -> set[str]:
    """Return the tensors that a node or its subgraphs read."""
    alone = onnx.ModelProto()
    alone.graph.node.append(node)
    return {*node.input, *captured_tensors(alone)}
