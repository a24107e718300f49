"""What CI shows of a judgement: Markdown and JUnit XML, whatever names and reasons hold."""

from xml.etree import ElementTree

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from inc_mlflow.metrics.resolve import metric_facts
from inc_mlflow.reports.junit import junit_text
from inc_mlflow.reports.pull_request import pull_request_text
from inc_mlflow.spec.metric import MetricSpec
from tests.support.paths import ROOT

TOP1 = metric_facts(MetricSpec(name="top1")).model_dump(mode="json")
NUMBER = {"value": 1.5, "low": 1.4, "high": 1.6}


def row(recipe, verdict, reasons=(), pools=("local",)):
    facts = {"accuracy": NUMBER, "relative_drop": NUMBER, "speedup": NUMBER}
    per_pool = {name: facts | {"verdict": verdict} for name in pools}
    own = {
        "recipe": recipe,
        "engine": "e",
        "verdict": verdict,
        "reasons": list(reasons),
        "per_pool": per_pool,
    }
    return facts | own | {"source_speedup": None, "size_bytes": 1000 if pools else None, "metrics": {}}


def result(*candidates):
    best = candidates[0]
    table = [row("baseline", None, pools=tuple(best["per_pool"])), *candidates]
    return {key: best[key] for key in ("verdict", "reasons")} | {
        "best": best,
        "table": table,
        "metrics": [TOP1],
    }


def kinds(text):
    suite = ElementTree.fromstring(text)[0]
    cases = {
        (case.get("classname"), case.get("name")): case[0].tag if len(case) else "passed" for case in suite
    }
    return dict(suite.attrib), cases


def test_a_job_passes_by_one_good_candidate_and_others_are_skipped():
    made = result(row("good", "pass"), row("bad", "fail", ["too slow"]), row("none", "fail", ["odd"], ()))
    counts, cases = kinds(junit_text("job", made))
    assert cases == {
        ("job", "verdict"): "passed",
        ("job.local", "good"): "passed",
        ("job.local", "bad"): "skipped",
        ("job", "none"): "skipped",
    }
    assert (counts["tests"], counts["failures"], counts["skipped"]) == ("4", "0", "2")


@pytest.mark.parametrize("verdict", ["fail", "inconclusive"])
def test_any_other_verdict_fails(verdict):
    counts, cases = kinds(junit_text("job", result(row("best", verdict, ["it drops"]))))
    assert (cases["job", "verdict"], counts["failures"]) == ("failure", "1")


def test_each_pool_has_its_column():
    text = pull_request_text("job", result(row("good", "pass", pools=("intel", "amd"))))
    assert "| recipe | intel | amd |" in text


def test_links_are_those_of_a_server_that_others_reach():
    made = result(row("good", "pass"))
    for url, shown in {"http://127.0.0.1:5000/#/a": False, "https://mlflow.example.org/#/a": True}.items():
        text = pull_request_text("job", made | {"tracking": {"leaderboard_url": url}})
        assert (f"<{url}>" in text) == shown


def test_a_failure_is_told_with_all_its_reasons():
    text = junit_text("job", result(row("best", "fail", ["it drops by 0 %", "it is slow"])))
    assert (
        ElementTree.fromstring(text).find(".//failure").get("message") == "fail: it drops by 0 %; it is slow"
    )


def test_no_name_becomes_a_picture_or_a_link():
    assert "](" not in pull_request_text("job", result(row("![x](http://example.org/x.png)", "pass")))


@given(st.text(st.characters(), min_size=1))
def test_hostile_names_stay_text(name):
    made = result(row(name, "fail", [name]))
    counts, _ = kinds(junit_text(name, made))
    assert counts["failures"] == "1"
    text = pull_request_text(name, made)
    assert "<script" not in text.replace("&lt;", "")
    assert all(line.count("|") == 9 for line in text.splitlines() if line.startswith("|"))


def test_the_example_workflow_runs_the_gate_for_pull_requests():
    workflow = yaml.load((ROOT / "examples/ci/github-actions.yml").read_text(), yaml.BaseLoader)
    commands = [step["run"] for step in workflow["jobs"]["gate"]["steps"] if "run" in step]
    assert (workflow["on"], workflow["permissions"]) == ("pull_request", {"contents": "read"})
    assert 'inc-mlflow run job.yaml --summary "$GITHUB_STEP_SUMMARY" --junit int8.xml' in commands
