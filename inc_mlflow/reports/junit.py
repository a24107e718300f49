"""A judgement as JUnit XML, which CI servers show as tests.

The verdict is a test that fails unless it is `pass`. Each candidate on each pool is a test too: one that does
not pass is skipped, with its reasons, since one good candidate is all that a job needs.
"""

from typing import Any
from xml.etree.ElementTree import Element, SubElement, indent, tostring

from inc_mlflow.errors import one_line


def junit_text(name: str, result: dict[str, Any]) -> str:
    """Return the XML of one judgement; ``name`` is that of the job."""
    root = Element("testsuites")
    suite = SubElement(root, "testsuite", name=one_line(name))
    _verdict(suite, name, result)
    for row in result["table"]:
        if row["verdict"]:
            _candidate(suite, name, row)
    cases = suite.findall("testcase")
    counts = {"failures": "failure", "skipped": "skipped"}
    found = {key: str(len(suite.findall(f"testcase/{kind}"))) for key, kind in counts.items()}
    for element in (root, suite):
        element.attrib |= {"tests": str(len(cases)), "errors": "0", **found}
    indent(root)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + tostring(root, encoding="unicode") + "\n"


def _verdict(suite: Element, name: str, result: dict[str, Any]) -> None:
    case = SubElement(suite, "testcase", classname=one_line(name), name="verdict")
    if result["verdict"] != "pass":
        _told(SubElement(case, "failure", type=result["verdict"]), result["verdict"], result["reasons"])


def _candidate(suite: Element, name: str, row: dict[str, Any]) -> None:
    """Add a test for each pool, or one where a recipe has no model and so no pool has seen it."""
    verdicts = {f"{name}.{pool}": facts["verdict"] for pool, facts in row["per_pool"].items()}
    for where, verdict in (verdicts or {name: row["verdict"]}).items():
        case = SubElement(suite, "testcase", classname=one_line(where), name=one_line(row["recipe"]))
        if verdict != "pass":
            _told(SubElement(case, "skipped"), verdict or "fail", row["reasons"])


def _told(element: Element, verdict: str, reasons: list[str]) -> None:
    lines = [one_line(reason) for reason in reasons]
    element.set("message", ": ".join([verdict, *(["; ".join(lines)] if lines else [])]))
    element.text = "\n".join(lines)
