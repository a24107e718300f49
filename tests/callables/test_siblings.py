"""Modules beside a user's file: importable from there, and from there alone."""

import importlib.util
import statistics
import sys

import pytest

from inc_mlflow.callables import code_files, load_callable
from inc_mlflow.callables.siblings import _Siblings

NAMES = ("inc_mlflow_user_metric", "beside", "lower", "package", "statistics", "winreg_of_nobody")


@pytest.fixture
def folder(tmp_path):
    before = dict(sys.modules)
    yield tmp_path
    sys.meta_path[:] = [one for one in sys.meta_path if not isinstance(one, _Siblings)]
    for name in [name for name in sys.modules if name.partition(".")[0] in NAMES and name not in before]:
        del sys.modules[name]


def write(folder, inside=None, **files):
    for name, code in files.items():
        path = folder / (inside or "") / f"{name}.py"
        path.parent.mkdir(exist_ok=True)
        path.write_text(code)


def load(folder):
    return load_callable("metric.py:f", folder, "metric.callable")


@pytest.mark.parametrize(
    "code", ["from beside import f", "def f():\n    import beside\n\n    return beside.f()"]
)
def test_a_module_beside_the_file_is_found_when_it_is_loaded_and_when_it_is_called(folder, code):
    write(folder, metric=code, beside="from lower import f", lower="from package.inner import f")
    write(folder, "package", inner="from .deep import f", deep="def f():\n    return 'found'")
    assert load(folder)() == "found"


def test_the_standard_library_and_what_is_installed_come_first(folder):
    write(folder, metric="import statistics, numpy\ndef f():\n    return statistics, numpy")
    write(folder, statistics="raise ImportError", numpy="raise ImportError")
    assert load(folder)() == (statistics, sys.modules["numpy"])


def test_a_library_that_looks_for_a_module_does_not_get_the_users(folder):
    write(folder, metric="import winreg_of_nobody\ndef f():\n    pass", winreg_of_nobody="")
    load(folder)
    sys.modules.pop("winreg_of_nobody")
    assert importlib.util.find_spec("winreg_of_nobody") is None, "this test is no module of the user's"


def test_what_a_file_imports_is_part_of_its_code(folder):
    code = "import beside, statistics, json\nfrom package import inner\ndef f():\n    import lower"
    write(folder, metric=code, beside="import metric", lower="", other="")
    write(folder, "package", __init__="", inner="from . import deep", deep="", other="")
    names = [path.relative_to(folder).as_posix() for path in code_files(folder / "metric.py")]
    assert names == [
        "beside.py",
        "lower.py",
        "metric.py",
        "package/__init__.py",
        "package/deep.py",
        "package/inner.py",
    ]


def test_a_file_that_is_no_python_is_still_part_of_the_code(folder):
    write(folder, metric="import beside", beside="def (")
    assert code_files(folder / "metric.py") == [folder / "beside.py", folder / "metric.py"]


def copy_of(folder, name, **files):
    place = folder / name
    place.mkdir()
    write(place, **files)
    return place


@pytest.mark.parametrize("lazily", [False, True])
def test_copies_of_one_code_in_two_folders_work_side_by_side(folder, lazily):
    code = "from beside import f" if not lazily else "def f():\n    import beside\n\n    return beside.f()"
    files = {"metric": code, "beside": "def f():\n    return 1"}
    first, second = (load(copy_of(folder, name, **files)) for name in ("first", "second"))
    assert (first(), second(), first()) == (1, 1, 1)


def test_code_that_changed_gets_the_modules_of_its_own_folder(folder):
    metric = "from beside import g\ndef f():\n    return g()"
    first = load(copy_of(folder, "first", metric=metric, beside="def g():\n    return 'old'"))
    second = load(copy_of(folder, "second", metric=metric, beside="def g():\n    return 'new'"))
    assert (first(), second(), first()) == ("old", "new", "old")
