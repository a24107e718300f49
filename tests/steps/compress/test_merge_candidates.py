"""Candidates of several searches become one list."""

import pytest

from inc_mlflow.engines.onnxruntime.graph.model_file import MODEL
from inc_mlflow.errors import DataError
from inc_mlflow.records import Candidate, CandidatesRecord
from inc_mlflow.spec import Job, JobSpec
from inc_mlflow.steps.compress.merge_candidates import merge_candidates

JOB = """
{version: 1, name: a, model: a.onnx,
 data: {validation: {path: a.npz}, calibration: {path: b.npz}, tuning: {path: c.npz}}, metric: top1,
 recipes: auto, pools: [one, two], search: {pools: [one, two]}}
"""


def found(folder, *candidates, baseline="b"):
    """A search's directory; candidates are (label, content)."""
    made = []
    for number, (label, content) in enumerate(candidates, start=1):
        path = folder / str(number) / MODEL
        path.parent.mkdir(parents=True)
        path.write_text(content)
        path.with_name("saturation.json").write_text(f"of {content}")
        made.append(
            Candidate(
                recipe={},
                engine="onnxruntime",
                label=label,
                path=f"{number}/{MODEL}",
                sha256=f"sha of {content}",
                size_bytes=1,
            )
        )
    (folder / "search.svg").write_text("<svg>")
    notes = ("the search was ended by its budget",) if folder.name == "two" else ()
    CandidatesRecord(baseline_sha256=baseline, candidates=tuple(made), notes=notes).save(folder)
    return folder


@pytest.fixture
def merge(tmp_path):
    job = Job(JobSpec.from_text(JOB), tmp_path)
    return lambda *directories: merge_candidates(job, tmp_path / "merged", found=list(directories))


def test_equal_models_count_once_and_equal_names_are_told_apart(tmp_path, merge):
    one = found(tmp_path / "one", ("fast", "A"), ("exact", "B"))
    two = found(tmp_path / "two", ("fast", "C"), ("other name", "A"))
    record = merge(one, two)
    assert [(c.label, c.sha256, c.path) for c in record.candidates] == [
        ("fast", "sha of A", f"1/{MODEL}"),
        ("exact", "sha of B", f"2/{MODEL}"),
        ("fast (two)", "sha of C", f"3/{MODEL}"),
    ]
    assert [(tmp_path / "merged" / c.path).read_text() for c in record.candidates] == ["A", "B", "C"]
    assert (tmp_path / "merged" / "3" / "saturation.json").read_text() == "of C"
    assert record.notes == ("on two: the search was ended by its budget",)
    assert {path.name for path in (tmp_path / "merged").glob("*.svg")} == {"search-one.svg", "search-two.svg"}


def test_searches_of_different_baselines_are_not_joined(tmp_path, merge):
    with pytest.raises(DataError, match="began with different baselines"):
        merge(found(tmp_path / "one", ("a", "A")), found(tmp_path / "two", ("b", "B"), baseline="other"))
