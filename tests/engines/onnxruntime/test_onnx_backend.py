"""onnx's own backend tests: each case that plain ONNX Runtime runs is imported with its outputs kept, and quantised
or refused in one line."""

from collections import Counter

import pytest

from tests.support.backend_cases import float_cases, unusable
from tests.support.generated.walked import Report, walked_batches
from tests.support.refusal_counts import counted

DOCUMENTED = ("' is NaN;", "none of its outputs is a tensor")
"""Reasons in docs/import.md not to import what ONNX Runtime runs."""
WITHOUT_ROWS = {"test_sequence_model8"}
"""Cases whose inputs have no axis of rows in common."""
PARTS = 12
LEAST_CASES = 900


@pytest.mark.slow
@pytest.mark.parametrize("part", range(PARTS))
def test_a_backend_case_is_right_or_refused_in_one_line(part, record_property):
    counts, faults = Counter[str](), list[str]()
    for case in float_cases()[part::PARTS]:
        if reason := unusable(case):
            counts[f"left out: {reason}"] += 1
            continue
        report = walked_batches(case.model, [case.inputs])
        counts.update(f"{step}: {outcome.verdict}" for step, outcome in report.outcomes.items())
        counts.update(f"{step} refused: {kind}" for step, kind in report.refused.items())
        faults += [f"{case.name}: {fault}" for fault in report.faults]
        if (text := _undocumented(case.name, report)) is not None:
            faults.append(f"{case.name}: not imported: {text}")
    counted(record_property, "backend tests of onnx", counts)
    assert not faults, "\n".join(faults)


def _undocumented(name: str, report: Report) -> str | None:
    """Return the refusal of an import, unless the reason is one of those."""
    text = report.outcomes["import"].text if "import" in report.refused else None
    if text is None or name in WITHOUT_ROWS or any(reason in text for reason in DOCUMENTED):
        return None
    return text


@pytest.mark.slow
def test_there_are_many_cases():
    assert len(float_cases()) >= LEAST_CASES
