"""Operators that are known to stay inside their graph. A model with any other one is never run.

TensorFlow's registry says of an operator whether it keeps state and what it takes. One without state, handles
and functions, and without free text, has nothing that could name a file, an address or a program. Those that
have such things and are harmless all the same are listed here, one by one.
"""

from collections.abc import Collection, Iterable, Iterator
from functools import cache
from typing import TYPE_CHECKING, NoReturn

from inc_mlflow.errors import ModelError
from inc_mlflow.sources.tensorflow.frozen_graph import all_nodes

if TYPE_CHECKING:
    from tensorflow.core.framework.graph_pb2 import GraphDef
    from tensorflow.core.framework.node_def_pb2 import NodeDef
    from tensorflow.core.framework.op_def_pb2 import OpDef


def _each(text: str, prefix: str = "") -> set[str]:
    return {f"{prefix}{word}" for word in text.split()}


HARMLESS = frozenset(
    {
        # of variables and tables, which live in memory
        *_each("Variable VariableV2 VarHandleOp ReadVariableOp VariableShape VarIsInitializedOp"),
        *_each("AssignVariableOp AssignAddVariableOp AssignSubVariableOp ResourceGather ResourceGatherNd"),
        *_each("HashTable HashTableV2 LookupTableFind LookupTableFindV2 LookupTableSize LookupTableSizeV2"),
        # of control flow; the functions that they name are looked at as well
        *_each("Enter RefEnter If While Case StatelessIf StatelessWhile StatelessCase"),
        *_each("PartitionedCall StatefulPartitionedCall"),
        # of lists of tensors
        *_each("V3 ReadV3 WriteV3 GatherV3 ScatterV3 SizeV3 ConcatV3 SplitV3 CloseV3", "TensorArray"),
        "EmptyTensorList",
        *_each("Reserve FromTensor GetItem SetItem Stack Length Gather Scatter ScatterV2", "TensorList"),
        *_each("ScatterIntoExistingList Concat ConcatV2 ConcatLists Split PushBack PopBack", "TensorList"),
        *_each("PushBackBatch ElementShape Resize", "TensorList"),
        *_each("RaggedTensorFromVariant RaggedTensorToTensor RaggedTensorToVariant"),
        # of checks: they end the run, or write a line to the standard error
        *_each("Assert CheckNumerics PreventGradient Print"),
        # of random numbers
        *_each(
            "RandomUniform RandomUniformInt RandomStandardNormal RandomShuffle RandomGamma RandomPoissonV2"
        ),
        *_each("TruncatedNormal ParameterizedTruncatedNormal Multinomial"),
        # their free text is a formula or a word of a setting
        *_each("Einsum GatherNd ScatterNd DenseToDenseSetOperation DataFormatDimMap DataFormatVecPermute"),
        *_each("Add Max Min Sub Update", "TensorScatter"),
        *_each("ExtractGlimpse ExtractGlimpseV2 ScaleAndTranslate"),
        *_each("ImageProjectiveTransformV2 ImageProjectiveTransformV3"),
        # text is what they compute on
        *_each("AsString ReduceJoin Substr RegexReplace RegexFullMatch UnicodeDecode UnicodeEncode"),
        *_each("UnicodeDecodeWithOffsets UnicodeTranscode StaticRegexReplace StaticRegexFullMatch"),
        *_each("Join Lower Upper Strip Length Format Split SplitV2 NGrams ToNumber", "String"),
        *_each("ToHashBucket ToHashBucketFast ToHashBucketStrong", "String"),
        *_each("Jpeg Png Bmp Gif Image WebP AndCropJpeg Raw PaddedRaw Wav Base64 CSV Compressed", "Decode"),
        *_each("Jpeg Png Wav Base64", "Encode"),
        *_each("Example ExampleV2 SingleExample SequenceExample SequenceExampleV2", "Parse"),
    }
)
RESTORING = frozenset({"RestoreV2", "DisableCopyOnRead", "LookupTableImport", "LookupTableImportV2"})
"""What the saver of a checkpoint needs besides: it runs once, on the file that the job names."""


def refuse_unsafe(where: str, graph: "GraphDef", besides: Collection[str] = ()) -> None:
    """Raise ModelError where a node, or one of a function, is not known to stay inside the model."""
    functions = {one.signature.name for one in graph.library.function}
    for node in all_nodes(graph):
        for operator in unsafe_operators(node, functions):
            if operator not in besides:
                refuse_operator(where, node, operator)


def refuse_operator(where: str, node: "NodeDef", operator: str) -> NoReturn:
    """Raise ModelError: a node is or calls an operator that is not known to stay inside the model."""
    raise ModelError(
        f"{where}: node {node.name!r} is a {operator}, which is not known to stay inside the model, "
        "so nothing of it is run; export the model without it"
    )


def unsafe_operators(node: "NodeDef", functions: Collection[str] = ()) -> Iterator[str]:
    """Yield what a node runs that is not known to be harmless; ``functions`` are looked at elsewhere."""
    for operator in (node.op, *named_functions(node)):
        if operator in functions and _definition(operator) is None:
            continue
        if operator not in HARMLESS and not _is_plain(operator):
            yield operator


def named_functions(node: "NodeDef") -> Iterator[str]:
    """Yield the functions that the attributes of a node name."""
    for value in node.attr.values():
        yield from (one.name for one in (value.func, *value.list.func) if one.name)


def is_stateless(operator: str) -> bool:
    """Tell whether TensorFlow may run an operator while it only works out shapes."""
    definition = _definition(operator)
    return definition is None or not definition.is_stateful


def first_output_type(node: "NodeDef") -> int | None:
    """Return the type of a node's only output; None where it has more, or its number of them is open."""
    definition = _definition(node.op)
    if definition is None or len(definition.output_arg) != 1:
        return None
    (given,) = definition.output_arg
    if given.number_attr or given.type_list_attr:
        return None
    return int(given.type or node.attr[given.type_attr].type)


@cache
def _is_plain(operator: str) -> bool:
    """Tell whether an operator computes tensors of tensors, and has nothing that could name anything else."""
    definition = _definition(operator)
    if definition is None or definition.is_stateful or operator.startswith("_"):
        return False
    return not (_takes_handles(definition) or any(_is_free(one) for one in definition.attr))


def _takes_handles(definition: "OpDef") -> bool:
    from tensorflow.core.framework import types_pb2

    kinds = {types_pb2.DT_STRING, types_pb2.DT_RESOURCE, types_pb2.DT_VARIANT}
    arguments: Iterable[OpDef.ArgDef] = (*definition.input_arg, *definition.output_arg)
    return any(one.type in kinds for one in arguments)


def _is_free(attribute: "OpDef.AttrDef") -> bool:
    """Tell whether an attribute is a function, or text that may be anything."""
    is_text = "string" in attribute.type and not attribute.allowed_values.list.s
    return is_text or "func" in attribute.type


def _definition(operator: str) -> "OpDef | None":
    from tensorflow.python.framework import op_def_registry

    return op_def_registry.get(operator)
