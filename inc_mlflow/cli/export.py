"""The command that hands a promoted model to what serves it: export."""

from pathlib import Path
from typing import Annotated

import typer

from inc_mlflow.cli.app import JSON, PROMOTE, app, emit
from inc_mlflow.cli.promote import TrackingUri, stores
from inc_mlflow.errors import SpecError


@app.command(rich_help_panel=PROMOTE)
def export(
    model: Annotated[
        str, typer.Argument(metavar="MODEL@ALIAS", help="The registered model, as digits@int8-champion.")
    ],
    to: Annotated[Path, typer.Option("--to", help="A new or an empty folder.")],
    kind: Annotated[
        str,
        typer.Option(
            "--format",
            help="onnx, openvino: the files alone; triton: a model repository; kserve: that, and a manifest.",
        ),
    ] = "onnx",
    storage_uri: Annotated[
        str | None,
        typer.Option(help="With --format kserve: where `models` will be, as s3://bucket/digits/models."),
    ] = None,
    tracking_uri: TrackingUri = None,
    as_json: JSON = False,
) -> None:
    """Write a promoted model for what serves it, checked against the ledger.

    For example: inc-mlflow export digits@int8-champion --to served --format triton. Threads, instances and
    batch are those that were measured; README.md beside the model says for what the evidence holds.
    """
    from inc_mlflow.promotion.export import export_model

    name, at, alias = model.rpartition("@")
    if not (name and at and alias):
        raise SpecError(f"{model}: is not like digits@int8-champion; give MODEL@ALIAS")
    emit(export_model(stores(tracking_uri), name, alias, kind, to, storage_uri), as_json)
