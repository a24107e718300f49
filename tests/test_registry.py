import sys

import pytest

from inc_mlflow.errors import MissingExtraError, UnknownNameError
from inc_mlflow.registry import Registry, did_you_mean


@pytest.fixture
def module(tmp_path, monkeypatch):
    """A module on the path that nobody has imported."""
    (tmp_path / "lazy_target.py").write_text("THING = object()\n")
    monkeypatch.syspath_prepend(tmp_path)
    yield "lazy_target"
    sys.modules.pop("lazy_target", None)


def test_a_target_is_imported_when_it_is_asked_for_and_not_before(module):
    table = Registry("things", {"one": f"{module}:THING", "two": "no_such_module:X"})
    assert "one" in table
    assert list(table) == ["one", "two"]
    assert module not in sys.modules
    assert table.get("one") is sys.modules[module].THING


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("imagse", "things: no 'imagse', did you mean 'images'?; there are images, npz"),
        ("zzz", "things: no 'zzz'; there are images, npz"),
        ("", "things: no ''; there are images, npz"),
    ],
)
def test_an_unknown_name_lists_what_there_is(name, message):
    table = Registry("things", {"npz": "json:loads", "images": "json:dumps"})
    with pytest.raises(UnknownNameError) as raised:
        table.get(name)
    assert str(raised.value) == message
    assert name not in table


def test_a_missing_package_names_the_extra_that_brings_it():
    table = Registry("datasets", {"images": "no_such_package.sub:read"}, extras={"images": "vision"})
    with pytest.raises(MissingExtraError) as raised:
        table.get("images")
    assert (
        str(raised.value)
        == "datasets: 'images' needs the package 'no_such_package'; pip install 'inc-mlflow[vision]'"
    )


def test_a_missing_package_of_a_target_without_an_extra_is_a_bug():
    with pytest.raises(ModuleNotFoundError):
        Registry("things", {"one": "no_such_package:x"}).get("one")


def test_installed_packages_add_names_but_do_not_replace_built_in_ones(tmp_path, monkeypatch):
    info = tmp_path / "plugin-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: plugin\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[inc_mlflow.things]\nextra = json:dumps\none = json:dumps\n")
    monkeypatch.syspath_prepend(tmp_path)
    import json

    table = Registry("things", {"one": "json:loads"})
    assert list(table) == ["extra", "one"]
    assert table.get("extra") is json.dumps
    assert table.get("one") is json.loads


@pytest.mark.parametrize(("name", "hint"), [("stat", ", did you mean 'static'?"), ("q", "")])
def test_a_hint_is_given_only_where_a_name_is_close(name, hint):
    assert did_you_mean(name, ["static", "dynamic"]) == hint
