"""What processes of a training get and give: by a folder, a disk that all mount, or a real S3 server."""

import pytest

from inc_mlflow.steps.compress.train_exchange import GIVEN, MADE, Exchange


@pytest.fixture(params=["folder", "disk", "s3"])
def place(request, tmp_path):
    if request.param == "s3":
        return f"{request.getfixturevalue('s3')}/run/train/processes/1"
    return str(tmp_path / "place") if request.param == "folder" else f"file://{tmp_path}/place"


def test_what_one_puts_and_sends_is_what_others_find(place, tmp_path):
    (tmp_path / "baseline" / "source").mkdir(parents=True)
    (tmp_path / "baseline" / "source" / "model.onnx").write_bytes(b"model")
    one, other = Exchange(place, tmp_path / "one"), Exchange(place, tmp_path / "other")
    found = one.put("baseline", tmp_path / "baseline")
    (one.folder / GIVEN / "request.json").write_text("{}")
    one.send(GIVEN)
    other.fetch(GIVEN)
    assert (other.folder / found / "source" / "model.onnx").read_bytes() == b"model"
    assert (other.folder / GIVEN / "request.json").read_text() == "{}"
    (other.folder / MADE / "module").mkdir()
    (other.folder / MADE / "module" / "weights").write_bytes(b"weights")
    other.send(MADE)
    one.fetch(MADE)
    assert (one.folder / MADE / "module" / "weights").read_bytes() == b"weights"
    assert not (one.folder / MADE / "baseline").exists()


def test_checkpoints_outlive_a_process_where_it_works_in_a_folder(tmp_path):
    assert Exchange(str(tmp_path), tmp_path).room("checkpoints", tmp_path / "kept") == str(tmp_path / "kept")
    there = Exchange(f"file://{tmp_path}/place", tmp_path / "copy")
    assert there.folder / there.room("checkpoints", tmp_path / "kept") == tmp_path / "copy" / "checkpoints"
