"""The command that looks ahead to other CPUs: saturation."""

from pathlib import Path
from typing import Annotated

import typer

from inc_mlflow.cli.app import JSON, STEPS, app, emit


@app.command(rich_help_panel=STEPS)
def saturation(
    model: Annotated[Path, typer.Argument(metavar="MODEL", help="A quantised ONNX model.")],
    data: Annotated[Path | None, typer.Option(help="An .npz with one array per input of the model.")] = None,
    job: Annotated[Path | None, typer.Option(help="A job whose calibration rows to take instead.")] = None,
    samples: Annotated[int, typer.Option(min=1, help="Rows to look at.")] = 16,
    as_json: JSON = False,
) -> None:
    """Predict which layers lose accuracy on x86 CPUs without VNNI; this CPU need not be one.

    There two products of activation and weight are added in 16 bits, which large values exceed.
    """
    from inc_mlflow.steps.compress.saturation import saturation_of

    result = saturation_of(model, data, job, samples)
    if as_json:
        emit(result, as_json)
    else:
        from inc_mlflow.reports.saturation import print_saturation

        print_saturation(result)
