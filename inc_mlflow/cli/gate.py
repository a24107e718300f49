"""The command that judges: gate."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from inc_mlflow.cli.app import EXIT, JSON, PROMOTE, app, emit
from inc_mlflow.cli.ci_files import JUnit, Summary, remove_ci_files, write_ci_files
from inc_mlflow.errors import SpecError

if TYPE_CHECKING:
    from inc_mlflow.spec import GateSpec


@app.command(rich_help_panel=PROMOTE)
def gate(
    records: Annotated[
        list[Path] | None,
        typer.Argument(
            metavar="RECORDS", help="Directories of evaluations and benchmarks, or of a job's state."
        ),
    ] = None,
    policy: Annotated[
        Path | None,
        typer.Option(
            help="A gate policy (YAML); by default 1 % at 95 % confidence, and with --plan the gate of --job."
        ),
    ] = None,
    plan: Annotated[
        bool, typer.Option("--plan", help="Say what a split can decide, before any work.")
    ] = False,
    job: Annotated[
        Path | None, typer.Option(help="With --plan: the job whose validation split it is about.")
    ] = None,
    candidate: Annotated[
        Path | None,
        typer.Option(help="With --plan --job: a model whose disagreement to measure on the tuning split."),
    ] = None,
    rows: Annotated[
        int | None, typer.Option(min=1, help="With --plan: rows of the split, where there is no job yet.")
    ] = None,
    disagreement: Annotated[
        float | None,
        typer.Option(
            min=0, max=1, help="With --plan: share of rows that change; 0.01 and 0.04 if not given."
        ),
    ] = None,
    summary: Summary = None,
    junit: JUnit = None,
    as_json: JSON = False,
) -> None:
    """Judge records of any number of pools, or say what a split can decide.

    For example: inc-mlflow gate job/.inc-mlflow/0123456789ab --policy platform.yaml, or inc-mlflow gate
    --plan --rows 1821. Exit code: 0 pass, 3 fail, 4 inconclusive; a plan has 0.
    """
    from inc_mlflow.spec import GateSpec, PolicySpec

    remove_ci_files(summary, junit)
    limits = PolicySpec.load(policy).limits if policy else None
    if plan:
        _check_plan(records, job, rows, candidate, disagreement, ci=bool(summary or junit))
        emit(_planned(limits, job, candidate, rows, disagreement), as_json)
        return
    _check_judge(
        records, {"--job": job, "--candidate": candidate, "--rows": rows, "--disagreement": disagreement}
    )
    from inc_mlflow.steps.standalone.gate import judge_records

    result = judge_records(records or [], limits or GateSpec())
    write_ci_files("gate", result, summary, junit)
    _show(result, as_json)
    raise typer.Exit(EXIT[result["verdict"]])


def _show(result: dict[str, Any], as_json: bool) -> None:
    if as_json:
        emit(result, as_json)
        return
    from inc_mlflow.reports.table import print_judgement

    print_judgement(result)


def _planned(
    limits: "GateSpec | None",
    job: Path | None,
    candidate: Path | None,
    rows: int | None,
    disagreement: float | None,
) -> dict[str, Any]:
    from inc_mlflow.spec import GateSpec, Job
    from inc_mlflow.steps.standalone.plan import plan_job, plan_rows

    if job is not None:
        return plan_job(Job.load(job), limits, candidate, disagreement)
    return plan_rows(rows or 0, limits or GateSpec(), disagreement)


def _check_plan(
    records: list[Path] | None,
    job: Path | None,
    rows: int | None,
    candidate: Path | None,
    disagreement: float | None,
    ci: bool,
) -> None:
    if ci:
        raise SpecError("--summary, --junit: are for a judgement; a plan has none")
    if records:
        raise SpecError("--plan: looks ahead and takes no records; give --job or --rows")
    if (job is None) == (rows is None):
        raise SpecError("--plan: give either --job or --rows")
    if candidate is not None and (job is None or disagreement is not None):
        raise SpecError(
            "--candidate: its disagreement is measured on a job's tuning split; "
            "give --job, not --disagreement"
        )


def _check_judge(records: list[Path] | None, planning: dict[str, object]) -> None:
    if not records:
        raise SpecError("gate: give directories of records, or --plan with --job or --rows")
    given = [name for name, value in planning.items() if value is not None]
    if given:
        raise SpecError(f"{given[0]}: is for --plan; give that too, or leave it out")
