"""Small models as exporters and test suites leave them: a right baseline, right candidates, or one line.

Each folder beside the real models, in ``graphs``, holds ``model.onnx``, ``rows.npz`` and ``expect.json``.
"""

import json
import os
import tempfile
from pathlib import Path

import numpy as np
import pytest

from tests.support.graph_walk import Outcome, walk

pytestmark = [pytest.mark.real, pytest.mark.slow]

_MODELS = os.environ.get("INC_REAL_MODELS")
GRAPHS = Path(_MODELS or ".").parent / "graphs"
NAMES = sorted(file.parent.name for file in GRAPHS.glob("*/expect.json")) if _MODELS else []
if not NAMES:
    NAMES = [pytest.param("", marks=pytest.mark.skip("INC_REAL_MODELS has no folder `graphs` beside it"))]
EITHER = ("right", "refused")


@pytest.mark.parametrize("name", NAMES)
def test_a_graph_ends_as_expected(name, tmp_path):
    expected = json.loads((GRAPHS / name / "expect.json").read_text())
    steps = expected["steps"]
    recipes = [step for step in steps if step != "import"]
    rows = dict(np.load(GRAPHS / name / "rows.npz"))
    outcomes = walk(GRAPHS / name / "model.onnx", rows, tmp_path, expected["limit"], recipes)
    if outcomes["import"].verdict == "refused":
        steps = {"import": steps["import"]}
    assert [text for step, wanted in steps.items() for text in _faults(step, wanted, outcomes[step])] == []
    for outcome in outcomes.values():
        if outcome.verdict == "refused":
            assert_one_line(outcome.text, tmp_path)


def _faults(step: str, wanted: str, outcome: Outcome) -> list[str]:
    allowed = EITHER if wanted == "either" else (wanted,)
    return [] if outcome.verdict in allowed else [f"{step}: {wanted} wanted, {outcome}"]


def assert_one_line(text: str, folder: Path) -> None:
    """A refusal names what is wrong in one line, and no file that is gone when it is read."""
    assert "\n" not in text
    assert text.strip()
    for temporary in (str(folder), tempfile.gettempdir()):
        assert temporary not in text, text
