"""Commands that do one step: import, calibrate, quantize, evaluate, benchmark, probe."""

from pathlib import Path
from typing import Annotated

import typer

from inc_mlflow.cli.app import JSON, STEPS, app, emit, say
from inc_mlflow.cli.start import JobFile

OutFile = Annotated[Path, typer.Option("-o", "--out", help="File to write.")]
OutFolder = Annotated[
    Path | None,
    typer.Option("-o", "--out", help="Directory for the record and what it is made of, for `gate` to judge."),
]
Pool = Annotated[
    str | None,
    typer.Option(metavar="NAME", help="Pool of the job that this machine belongs to; the first by default."),
]


@app.command("import", rich_help_panel=STEPS)
def import_(
    source: Annotated[Path, typer.Argument(metavar="SRC", help="The ONNX model as it was given.")],
    out: Annotated[Path, typer.Option("-o", "--out", help="Directory for the baseline and its record.")],
    data: Annotated[
        Path | None, typer.Option(help="An .npz with rows on which source and baseline are compared.")
    ] = None,
    as_json: JSON = False,
) -> None:
    """Normalise a model: opset 17 or newer, constants and batch norm folded, shapes inferred."""
    from inc_mlflow.steps.standalone.prepare import write_baseline

    emit(write_baseline(source, out, data), as_json)


@app.command(rich_help_panel=STEPS)
def calibrate(
    job: JobFile,
    out: OutFile,
    shard: Annotated[
        str, typer.Option(metavar="I/N", help="Only this part of the rows; quantize merges the files.")
    ] = "1/1",
    as_json: JSON = False,
) -> None:
    """Collect the ranges of activations that static recipes need."""
    from inc_mlflow.spec import Job
    from inc_mlflow.steps.standalone.prepare import write_ranges

    emit(write_ranges(Job.load(job), shard, out), as_json)


@app.command(rich_help_panel=STEPS)
def quantize(
    job: JobFile,
    recipe: Annotated[
        str, typer.Option(metavar="JSON", help='As {"method": "static", "per_channel": true}.')
    ],
    out: OutFile,
    ranges: Annotated[
        list[Path] | None, typer.Option(help="Ranges of `calibrate`, one per shard; made if not given.")
    ] = None,
    as_json: JSON = False,
) -> None:
    """Write the INT8 model of one recipe."""
    from inc_mlflow.spec import Job
    from inc_mlflow.steps.standalone.prepare import write_candidate

    emit(write_candidate(Job.load(job), recipe, ranges or [], out), as_json)


@app.command(rich_help_panel=STEPS)
def evaluate(
    job: JobFile,
    model: Annotated[Path, typer.Option(help="The model to evaluate.")],
    baseline: Annotated[
        Path | None,
        typer.Option(help="The model to evaluate beside it; what `import` makes of the job's by default."),
    ] = None,
    split: Annotated[str, typer.Option(help="calibration, tuning or validation.")] = "validation",
    isa: Annotated[
        str | None,
        typer.Option(
            metavar="CPU",
            help="Evaluate as this CPU would: x86-avx2 (no AVX-512), x86-avx512 (no VNNI) or x86-vnni.",
        ),
    ] = None,
    pool: Pool = None,
    out: OutFolder = None,
    as_json: JSON = False,
) -> None:
    """Measure the job's metric of one model, on this CPU or as on another one.

    Refused where this machine is not what the pool expects. The same INT8 file can answer differently on CPUs
    without VNNI. With --isa this machine emulates one, at its own speed: x86-64 Linux with a C compiler and
    objdump; the first time takes some seconds. Numbers made so are called emulated.
    """
    from inc_mlflow.spec import Job
    from inc_mlflow.steps.standalone.measure import evaluate_one, on_pool

    emit(evaluate_one(on_pool(Job.load(job), pool), model, split, baseline, isa, out), as_json)


@app.command(rich_help_panel=STEPS)
def benchmark(
    job: JobFile,
    candidate: Annotated[Path, typer.Option(help="The model that should be faster.")],
    baseline: Annotated[
        Path | None,
        typer.Option(help="The model to compare with; what `import` makes of the job's by default."),
    ] = None,
    pool: Pool = None,
    out: OutFolder = None,
    as_json: JSON = False,
) -> None:
    """Measure the speed of two models, interleaved in the job's layout; the ratio comes with its interval.

    Refused where this machine is not what the pool expects. Exit code 4 and no numbers where other load
    disturbed too many rounds, or the times contradict each other.
    """
    from inc_mlflow.spec import Job
    from inc_mlflow.steps.standalone.measure import benchmark_two, on_pool

    result = benchmark_two(on_pool(Job.load(job), pool), baseline, candidate, say, out)
    if as_json:
        emit(result, as_json)
    else:
        from inc_mlflow.reports.benchmark import print_benchmark

        print_benchmark(result)
    raise typer.Exit(0 if result["valid"] else 4)


@app.command("probe", rich_help_panel=STEPS)
def probe_(
    layout: Annotated[
        str, typer.Option(help="As in a job: 1s4c14ins1bs, a part of it (4c, 14ins), or auto.")
    ] = "auto",
    as_json: JSON = False,
) -> None:
    """Show what this machine is, and on which CPUs a layout's instances would run here."""
    from inc_mlflow.steps.standalone.probe import probe

    found = probe(layout)
    if as_json:
        emit(found, as_json)
    else:
        from inc_mlflow.reports.benchmark import print_probe

        print_probe(found)
