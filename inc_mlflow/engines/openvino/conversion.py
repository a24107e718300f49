"""An ONNX graph becomes an IR."""

from pathlib import Path

from inc_mlflow.engines.engine import Interface
from inc_mlflow.engines.find_row_axes import row_axes_of
from inc_mlflow.engines.openvino.graph import graph_engine
from inc_mlflow.engines.openvino.model_folder import About, FloatType, read_file, write_ir
from inc_mlflow.engines.row_axes import RowAxes
from inc_mlflow.errors import ModelError


def convert(
    graph: Path, folder: Path, axes: RowAxes | None, precision: FloatType, graph_sha256: str | None = None
) -> None:
    """Write the IR of a graph; without ``axes`` its rows are where the graph says, if it does.

    Raises ModelError where OpenVINO cannot read the graph.
    """
    interface = graph_engine().interface(graph)
    if interface.other_outputs:
        raise ModelError(
            f"{graph}: gives {interface.other_outputs[0]!r}, which is no tensor; openvino has only tensors"
        )
    inputs = tuple(spec.name for spec in interface.inputs)
    about = About(precision, inputs, interface.output_names, axes or _told(interface), graph_sha256)
    write_ir(read_file(graph, graph), about, folder)


def _told(interface: Interface) -> RowAxes | None:
    """Return where a graph has its rows; None where a job has to say it."""
    try:
        return row_axes_of(interface)
    except ModelError:
        return None
