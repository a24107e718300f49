"""The program in which a framework runs: it opens one source, does one task, and writes files.

Run as ``python -P -m inc_mlflow.sources.program FOLDER``, where FOLDER has the request and gets the answer.
An IncError is part of the answer; anything else ends the program with its traceback.
"""

import os
import sys
from pathlib import Path

from inc_mlflow.engines.row_axes import RowAxes
from inc_mlflow.errors import IncError
from inc_mlflow.guard import end_with_parent
from inc_mlflow.measure.timing.worker import load_batches, save_batches
from inc_mlflow.registry.sources import SOURCES
from inc_mlflow.sources.exchange import ROWS, VALUES, Answer, Request
from inc_mlflow.sources.framework_model import FrameworkModel
from inc_mlflow.sources.source import OpenedSource


def main(folder: Path) -> int:
    """Do what the request says."""
    request = Request.load(folder)
    end_with_parent(os.getppid())
    try:
        opened = SOURCES.get(request.kind).open(request.spec, Path(request.root))
        answer = _convert(opened, request) if request.target else _run(opened, request, folder)
    except IncError as error:
        answer = Answer(error=type(error).__name__, message=str(error), details=getattr(error, "details", ""))
    answer.save(folder)
    return 0


def _convert(opened: OpenedSource, request: Request) -> Answer:
    return Answer(converted=opened.convert(Path(request.target)))


def _run(opened: OpenedSource, request: Request, folder: Path) -> Answer:
    rows, axes = load_batches(folder / ROWS)
    model = FrameworkModel.of(opened, axes or RowAxes({}), request.inputs)
    save_batches(folder / VALUES, [model(row, request.layers) for row in rows])
    return Answer()


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
