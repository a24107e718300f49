"""Where the numbers of a job come from: digests, hosts, versions, what was promoted, times of the steps."""

from collections.abc import Iterator
from typing import Any

import yaml

from inc_mlflow.formatting import decimal, percent
from inc_mlflow.records import BenchmarkRecord, Evidence
from inc_mlflow.reports.page.grid import Cell, ExactNumber, Grid
from inc_mlflow.reports.page.reported import ReportedJob


def provenance_grids(job: ReportedJob) -> list[Grid]:
    """Return what was measured, where it was measured, and how long each step took."""
    seconds = [(step, ExactNumber(value, f"{value:.3g}")) for step, value in job.result["seconds"].items()]
    return [
        Grid("Provenance", ("what", "which"), tuple(_facts(job))),
        *(_host(one.evidence, job.benchmarks) for one in job.evaluations),
        Grid("Time of the steps", ("step", "seconds"), tuple(seconds)),
    ]


def job_text(job: ReportedJob) -> str:
    """Return the job as YAML, with the fields that were given."""
    given = job.spec.model_dump(mode="json", by_alias=True, exclude_unset=True, exclude_none=True)
    return yaml.safe_dump(given, sort_keys=False, allow_unicode=True)


def _facts(job: ReportedJob) -> Iterator[tuple[Cell, ...]]:
    imported = job.imported
    yield "sha256 of the source", imported.source_sha256
    if (framework := imported.framework_source) is not None:
        yield "framework of the source", framework.framework
        yield "largest relative difference to it", f"{framework.largest:.3g}"
    for row in job.judged.table:
        yield f"sha256 of {row.recipe}", row.sha256
    for evaluation in job.evaluations:
        where = f"{evaluation.split} on {evaluation.evidence.pool}"
        yield f"{where}: rows, sha256", f"{decimal(evaluation.rows)}, {evaluation.evidence.data_sha256}"
    yield "confidence", percent(job.judged.confidence)
    yield "sha256 of the gate's limits", job.judged.policy_sha256
    yield from _registered(job.result)


def _registered(result: dict[str, Any]) -> Iterator[tuple[Cell, ...]]:
    """Yield where MLflow has it; addresses are text, since a page is read elsewhere too."""
    if (champion := result["champion"]) is not None:
        aliases = ", ".join(champion["aliases"])
        yield "registered model", f"{champion['registered_model']} version {champion['version']}, {aliases}"
        for one in champion["protections"]:
            yield f"protection of {one['what']}", f"{one['holds']}: {one['why']}"
    if result["tracking"]:
        yield "MLflow experiment", result["tracking"]["experiment_url"]


def _host(evidence: Evidence, benchmarks: tuple[BenchmarkRecord, ...]) -> Grid:
    host = evidence.host
    facts = {
        "CPU": f"{host.cpu}, {host.cores} usable",
        "instruction sets": ", ".join(host.isa),
        "GPU": host.gpu or "",
        "instance type": host.instance_type or "",
        "system": host.system,
        "device": evidence.provider,
        "versions": ", ".join(f"{name} {version}" for name, version in host.runtime.items()),
    }
    own = [one for one in benchmarks if one.evidence.pool == evidence.pool]
    said = [("benchmark", f"{one.conditions.plan.text()}; {one.clock}") for one in own]
    rows = tuple((name, text) for name, text in [*facts.items(), *said] if text)
    return Grid(f"Host of the pool {evidence.pool}", ("what", "which"), rows)
