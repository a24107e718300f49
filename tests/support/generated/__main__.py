"""Show graph N, what becomes of it, and a smaller graph with the same fault: ``python -m tests.support.generated N``."""

import sys
import tempfile
from pathlib import Path

import onnx

from tests.support.generated.draw import draw
from tests.support.generated.shrink import Rows, shrink
from tests.support.generated.walked import Report, walked


def main(number: int) -> None:
    drawn = draw(number)
    report = walked(drawn.model, drawn.rows)
    print(onnx.printer.to_text(drawn.model) if not report.faults else "")
    _show(report)
    if not report.faults:
        return

    def fails(model: onnx.ModelProto, rows: Rows) -> bool:
        try:
            return bool(walked(model, rows).kinds & report.kinds)
        except Exception:  # noqa: BLE001  the cut made no valid model
            return False

    model, rows = shrink(drawn.model, drawn.rows, fails)
    print(onnx.printer.to_text(model))
    _show(walked(model, rows))
    file = Path(tempfile.gettempdir()) / f"generated-{number}.onnx"
    onnx.save(model, file)
    print(f"saved as {file}")


def _show(report: Report) -> None:
    for step, outcome in report.outcomes.items():
        print(f"{step}: {outcome}")
    for fault in report.faults:
        print(f"FAULT {fault}")


if __name__ == "__main__":
    main(int(sys.argv[1]))
