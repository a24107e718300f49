import sys

import pytest

from inc_mlflow.errors import MissingExtraError, UnknownNameError
from inc_mlflow.registry import Entry, Registry, did_you_mean
from tests.support.installed_packages import install


@pytest.fixture
def module(tmp_path, monkeypatch):
    """A module on the path that nobody has imported."""
    (tmp_path / "lazy_target.py").write_text("THING = object()\n")
    monkeypatch.syspath_prepend(tmp_path)
    yield "lazy_target"
    sys.modules.pop("lazy_target", None)


def test_a_target_is_imported_when_it_is_asked_for_and_not_before(module):
    table = Registry("things", {"one": Entry(f"{module}:THING"), "two": Entry("no_such_module:X")})
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
    table = Registry("things", {"npz": Entry("json:loads"), "images": Entry("json:dumps")})
    with pytest.raises(UnknownNameError) as raised:
        table.get(name)
    assert str(raised.value) == message
    assert name not in table


def test_a_missing_package_names_the_extra_that_brings_it():
    table = Registry("datasets", {"images": Entry("no_such_package.sub:read", extra="vision")})
    with pytest.raises(MissingExtraError) as raised:
        table.get("images")
    assert (
        str(raised.value)
        == "datasets: 'images' needs the package 'no_such_package'; pip install 'inc-mlflow[vision]'"
    )


def test_a_missing_package_of_a_target_without_an_extra_is_a_bug():
    with pytest.raises(ModuleNotFoundError):
        Registry("things", {"one": Entry("no_such_package:x")}).get("one")


PLUGIN = """
from inc_mlflow.registry import Entry

DUMPS = Entry("json:dumps", "writes", suffixes=(".json",))
NEEDY = Entry("plugin_missing:x", "cannot be imported", extra="all", needs=("plugin_late",))
WRONG = "json:dumps"
"""


@pytest.fixture
def installed(tmp_path, monkeypatch):
    """A table with a built-in row, on a machine with a package that adds to it."""

    def inner(**rows):
        entries = {f"inc_mlflow.things/{name}": target for name, target in rows.items()}
        monkeypatch.syspath_prepend(install(tmp_path / "site", "plugin", PLUGIN, entries))
        return Registry("things", {"one": Entry("json:loads", "reads", suffixes=(".one", "/"))})

    yield inner
    sys.modules.pop("plugin", None)


def test_installed_packages_add_names_but_do_not_replace_built_in_ones(installed):
    import json

    table = installed(extra="plugin:DUMPS", one="plugin:DUMPS")
    assert list(table) == ["extra", "one"]
    assert "plugin" not in sys.modules
    assert table.get("extra") is json.dumps
    assert (table.entry("extra").summary, table.entry("one").summary) == ("writes", "reads")
    assert table.get("one") is json.loads


def test_a_path_names_the_row_that_has_its_suffix(installed):
    table = installed(extra="plugin:DUMPS")
    paths = ("a.one", "folder/", "a.json", "a.two")
    assert [table.named_by(path) for path in paths] == ["one", "one", "extra", None]
    assert table.suffixes() == [".json", ".one", "/"]


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        (
            "nowhere:ENTRY",
            "nowhere:ENTRY cannot be imported (No module named 'nowhere'); repair or uninstall it",
        ),
        (
            "plugin:ABSENT",
            "plugin:ABSENT cannot be imported (module 'plugin' has no attribute 'ABSENT'); "
            "repair or uninstall it",
        ),
        ("plugin:WRONG", "plugin:WRONG is str; it must be an inc_mlflow.registry.Entry"),
    ],
)
def test_an_installed_package_without_the_row_that_it_names_is_refused_in_one_line(installed, entry, message):
    with pytest.raises(MissingExtraError) as raised:
        installed(extra=entry).get("extra")
    assert str(raised.value) == f"things: 'extra' of the installed package 'plugin': {message}"


def test_a_missing_package_of_an_installed_row_names_the_extra_of_its_own_package(installed):
    table = installed(extra="plugin:NEEDY")
    for asked, package in ((table.get, "plugin_missing"), (table.check_packages, "plugin_late")):
        with pytest.raises(MissingExtraError) as raised:
            asked("extra")
        assert (
            str(raised.value) == f"things: 'extra' needs the package '{package}'; pip install 'plugin[all]'"
        )


def test_options_are_imported_when_they_are_asked_for(module):
    table = Registry("things", {"one": Entry("json:loads", options=f"{module}:THING"), "two": Entry("x:y")})
    assert module not in sys.modules
    assert table.options("one") is sys.modules[module].THING
    assert table.options("two") is None


def test_an_entry_says_which_of_the_options_are_files():
    table = Registry("things", {"one": Entry("json:loads", files=("words", "rules")), "two": Entry("x:y")})
    assert table.files("one", {"words": "w.json", "end": "e.json", "rules": None}) == {"words": "w.json"}
    assert table.files("two", {"words": "w.json"}) == {}


@pytest.mark.parametrize(("name", "hint"), [("stat", ", did you mean 'static'?"), ("q", "")])
def test_a_hint_is_given_only_where_a_name_is_close(name, hint):
    assert did_you_mean(name, ["static", "dynamic"]) == hint
