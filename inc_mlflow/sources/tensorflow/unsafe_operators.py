"""Operators that reach outside their graph: a model file with one of them is never run."""

from typing import TYPE_CHECKING

from inc_mlflow.errors import ModelError
from inc_mlflow.sources.tensorflow.frozen_graph import all_nodes

if TYPE_CHECKING:
    from tensorflow.core.framework.graph_pb2 import GraphDef

UNSAFE = frozenset(
    {
        *("EagerPyFunc", "PyFunc", "PyFuncStateless"),
        *("ImmutableConst", "InitializeTableFromTextFile", "InitializeTableFromTextFileV2"),
        *("LoadAndRemapMatrix", "MatchingFiles", "ReadFile"),
        *("CreateSummaryDbWriter", "CreateSummaryFileWriter", "PrintV2", "WriteFile"),
        *("MergeV2Checkpoints", "Save", "SaveSlices", "SaveV2"),
        *("DebugIdentity", "DebugIdentityV2", "DebugIdentityV3", "DebugNanCount", "DebugNumericSummary"),
    }
)
"""Operators that call Python, that read files, and that write them or to addresses."""
UNSAFE_ENDINGS = ("Dataset", "DatasetV2", "DatasetV3", "Reader", "ReaderV2", "Summary", "SummaryWriter")
"""Operators that read records and images from files, or write summaries."""


def refuse_unsafe(where: str, graph: "GraphDef") -> None:
    """Raise ModelError where a node could run Python, or read or write files."""
    for node in all_nodes(graph):
        if node.op in UNSAFE or node.op.endswith(UNSAFE_ENDINGS):
            raise ModelError(
                f"{where}: node {node.name!r} is a {node.op}, which reaches outside the model; "
                "export the model without it"
            )
