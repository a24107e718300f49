"""A folder that is copied while it is written: what refers to others comes last, and a store costs no work."""

import time

import pytest

from inc_mlflow.remote import Address, mirror, open_store
from inc_mlflow.remote.disk import Disk


@pytest.fixture(autouse=True)
def often(monkeypatch):
    monkeypatch.setattr(mirror, "SECONDS", 0.01)


def write(folder, name, text):
    (folder / name).parent.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text(text)


def texts(folder):
    return {path.relative_to(folder).as_posix(): path.read_text() for path in folder.rglob("*.txt")}


@pytest.fixture(params=["disk", "s3"])
def place(request, tmp_path):
    if request.param == "disk":
        return Address.parse(f"file://{tmp_path}/store/a")
    return Address.parse(f"{request.getfixturevalue('s3')}/a")


def test_another_folder_goes_on_with_what_was_written(place, tmp_path):
    first, second = tmp_path / "first", tmp_path / "second"
    first.mkdir()
    second.mkdir()
    with mirror.mirrored(first, place, pytest.fail):
        write(first, "top.txt", "1")
        write(first, "1/deep.txt", "1")
        write(first, "1/.half.txt", "left out")
    with mirror.mirrored(second, place, pytest.fail):
        assert texts(second) == {"top.txt": "1", "1/deep.txt": "1"}
        write(second, "top.txt", "2")
    store = open_store(place)
    found = {key.removeprefix(f"{place.key}/") for key in store.below(place)}
    assert found == {"top.txt", "1/deep.txt"}


def test_what_may_refer_to_others_is_copied_behind_them_and_only_when_it_changed(tmp_path, monkeypatch):
    written, write_file = [], Disk.write

    def noted(disk, source, address):
        written.append(address.name)
        write_file(disk, source, address)

    monkeypatch.setattr(Disk, "write", noted)
    place, folder = Address.parse(f"file://{tmp_path}/store"), tmp_path / "folder"
    write(folder, "a.txt", "1")
    write(folder, "1/b.txt", "1")
    write(folder, "1/2/c.txt", "1")
    with mirror.mirrored(folder, place, pytest.fail):
        while len(written) < 3:
            time.sleep(0.01)
        write(folder, "a.txt", "22")
    assert written == ["c.txt", "b.txt", "a.txt", "a.txt"]


def test_a_store_that_refuses_costs_one_line_and_no_work(tmp_path):
    (tmp_path / "file").touch()
    lines, folder = [], tmp_path / "folder"
    with mirror.mirrored(folder, Address.parse(f"file://{tmp_path}/file/a"), lines.append):
        write(folder, "a.txt", "1")
        while not lines:
            time.sleep(0.01)
        write(folder, "a.txt", "22")
    assert len(lines) == 1
    assert lines[0].endswith("training goes on, but after a kill it may begin again")


def test_a_name_that_leads_out_of_the_folder_is_not_written(tmp_path, monkeypatch):
    place, folder = Address.parse(f"file://{tmp_path}/store"), tmp_path / "folder"
    monkeypatch.setattr(Disk, "below", lambda *_: {f"{place.key}/1/../../out.txt": None})
    folder.mkdir()
    lines = []
    with mirror.mirrored(folder, place, lines.append):
        assert not texts(tmp_path)
    assert "leads out of the folder" in lines[0]
