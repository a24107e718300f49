"""The page: one HTML file that needs nothing beside it."""

from importlib.resources import files
from xml.etree import ElementTree as Tree

from inc_mlflow.errors import one_line
from inc_mlflow.records import Row
from inc_mlflow.reports.page.candidates import candidates_grid, pools_grids, reasons_grid
from inc_mlflow.reports.page.elements import badge, element, grid_element, scrolling
from inc_mlflow.reports.page.expectation import expectation_grid
from inc_mlflow.reports.page.grid import Judged
from inc_mlflow.reports.page.provenance import job_text, provenance_grids
from inc_mlflow.reports.page.reported import ReportedJob
from inc_mlflow.reports.page.speeds import speed_grids
from inc_mlflow.reports.page.summary import summary_grid
from inc_mlflow.reports.tradeoff import draw_tradeoff

NOTE = (
    "Brackets hold one-sided bounds of one model by itself. Reasons of verdicts use stricter bounds where "
    "several candidates were judged, and name their confidence."
)
NO_EXPECTATION = "No published row is of a model with a name like this one."


def as_page(jobs: list[ReportedJob]) -> str:
    """Return the page; equal jobs give equal text."""
    title = jobs[0].spec.name if len(jobs) == 1 else f"{len(jobs)} models"
    head = element(
        "head",
        element("meta", charset="utf-8"),
        element("meta", name="viewport", content="width=device-width, initial-scale=1"),
        element("meta", name="color-scheme", content="light dark"),
        element("title", f"{title}: validated models"),
        element("style", files(__package__).joinpath("page.css").read_text(encoding="utf-8")),
    )
    header = element("header", element("h1", "Validated models"), element("p", NOTE))
    sections = [_job(number, job) for number, job in enumerate(jobs, start=1)]
    if len(jobs) > 1:
        sections.insert(0, element("section", element("h2", "Summary"), grid_element(summary_grid(jobs))))
    body = element("body", header, element("main", *sections))
    page = element("html", head, body, lang="en")
    return f"<!doctype html>\n{Tree.tostring(page, encoding='unicode', method='html')}\n"


def _job(number: int, job: ReportedJob) -> Tree.Element:
    expected = expectation_grid(job)
    parts = [
        element("h2", job.spec.name, id=f"job-{number}"),
        *_headline(job),
        grid_element(candidates_grid(job)),
        *map(grid_element, pools_grids(job)),
        _picture(job),
        grid_element(reasons_grid(job)),
        element("h3", "Speed"),
        *map(grid_element, speed_grids(job)),
        element("h3", "Expectation"),
        element("p", NO_EXPECTATION) if expected is None else grid_element(expected),
        element("h3", "Where the numbers come from"),
        *map(grid_element, provenance_grids(job)),
        element("h3", "Job"),
        scrolling(element("pre", job_text(job)), f"The job {job.spec.name}"),
    ]
    return element("section", *parts, aria_labelledby=f"job-{number}")


def _headline(job: ReportedJob) -> list[Tree.Element]:
    best: Row | None = job.judged.best() if job.judged.candidates else None
    said = element("p", badge(Judged(job.judged.verdict)), " ", class_="headline")
    said.append(element("strong", one_line(best.recipe) if best else "keep FP32"))
    reasons = [element("li", one_line(reason)) for reason in job.judged.reasons]
    return [said, element("ul", *reasons)] if reasons else [said]


def _picture(job: ReportedJob) -> Tree.Element:
    """Return the trade-off, in which every text was escaped when it was drawn."""
    metric = job.judged.metric
    text = draw_tradeoff(job.judged, job.spec.gate).replace(' xmlns="http://www.w3.org/2000/svg"', "")
    drawing = Tree.fromstring(text)  # noqa: S314 - our own, written a line before
    drawing.attrib |= {"role": "img", "aria-label": f"{metric.loss} of {metric.name} over speed-up"}
    caption = "To pass, a candidate has to lie in the shaded corner with all of its bounds."
    return element("figure", scrolling(drawing, "Trade-off"), element("figcaption", caption))
