"""A report says the same as HTML, Markdown and CSV, and names in it are text alone."""

import csv
from dataclasses import replace
from html import escape
from pathlib import Path

import pytest

from inc_mlflow.reports.page.markdown import as_text
from inc_mlflow.reports.page.write import write_report
from tests.support.report_pages import ReadPage, numbers_in
from tests.support.reported_jobs import POOLS, reported

GOOD, BAD, WHY = "<script>alert(1)</script>", '=1+1|"&amp;', "</style><img src=x onerror=alert(1)>"


@pytest.fixture(scope="module")
def job():
    return reported(GOOD, BAD, WHY)


@pytest.fixture(scope="module")
def texts(job, tmp_path_factory):
    folder = tmp_path_factory.mktemp("report") / "deep"
    paths = write_report([job, reported("static", "dynamic", "no kernel", "resnet50-v1")], folder)
    return {kind: Path(path).read_text(encoding="utf-8") for kind, path in paths.items()}


def test_every_number_of_the_result_is_on_the_page_with_all_its_digits(job, texts):
    assert numbers_in([job.result["table"], job.result["seconds"]]) - ReadPage(texts["html"]).numbers == set()


def test_hostile_names_are_text(texts):
    page = ReadPage(texts["html"])
    assert not page.tags & {"script", "img", "a"}
    assert all(name in page.text for name in (GOOD, BAD, WHY))
    assert "<script" not in texts["markdown"]
    assert escape(GOOD) in texts["markdown"]


def test_the_page_needs_nothing_beside_it(texts):
    assert not ReadPage(texts["html"]).tags & {"link", "iframe", "object"}
    assert "url(" not in texts["html"]
    assert "@import" not in texts["html"]


def test_markdown_and_csv_have_the_rows_of_the_page(texts):
    lines = list(csv.DictReader(texts["csv"].splitlines()))
    assert [line["recipe"] for line in lines if line["job"] == "digits" and line["pool"] == "all"] == [
        "baseline",
        GOOD,
        f"'{BAD}",
        f"not {BAD}",
    ]
    assert {line["pool"] for line in lines} == {"all", *POOLS}
    for line in lines:
        cell = escape(line["recipe"].removeprefix("'"), quote=False).replace("|", "/")
        assert f"| {cell} |" in texts["markdown"]
    best = next(line for line in lines if line["recipe"] == "static" and line["pool"] == "all")
    assert [float(best[name]) for name in ("speedup", "speedup_low", "speedup_high")] == [2.0, 1.9, 2.1]
    assert "| static | onnxruntime | 0.9000\u00a0[0.8" in texts["markdown"]
    assert "2.00x\u00a0[1.90,\u00a02.10]" in texts["markdown"]


def test_several_jobs_have_a_summary_first(texts):
    summary = texts["markdown"].partition("## Summary")[2].partition("\n## ")[0]
    assert "| resnet50-v1 | static | top1 | 0.9000" in summary
    assert "| 24,690 | 12,350 | 2.00x\u00a0[1.90,\u00a02.10] | pass | local; 1s1c1ins1bs |" in summary


def test_the_nearest_published_row_stands_beside_ours(texts):
    assert "What can be expected: ResNet50 V1.5 (onnx" in texts["markdown"]
    assert "| throughput published |" in texts["markdown"]
    assert "No published row" in texts["markdown"]  # of a model named digits


def test_equal_jobs_give_equal_bytes(job, tmp_path):
    one, other = (write_report([job], tmp_path / name) for name in "ab")
    assert all(Path(path).read_bytes() == Path(other[kind]).read_bytes() for kind, path in one.items())


def test_a_candidate_that_is_no_int8_stands_under_no_such_name(job):
    (one, *_) = job.evaluations
    evidence = one.evidence.model_copy(update={"precisions": {GOOD: "bf16"}})
    other = replace(job, evaluations=(one.model_copy(update={"evidence": evidence}),))
    assert "| INT8 top1 |" in as_text([job])
    assert "INT8" not in as_text([other]).partition("What can")[0].partition("Job:")[0]
