"""Modules beside a user's file: importable from there, and from there alone."""

import importlib.util
import statistics
import sys

import pytest

from inc_mlflow.callables import code_files, load_callable
from inc_mlflow.errors import CallableError


@pytest.fixture
def folder(tmp_path):
    return tmp_path


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


@pytest.mark.parametrize("lazily", [False, True])
def test_two_folders_have_modules_of_their_own(folder, lazily):
    """Copies of one code, two versions of it, or two files that have nothing to do with each other."""
    code = "from beside import f" if not lazily else "def f():\n    import beside\n\n    return beside.f()"
    for name in ("first", "second"):
        write(folder, name, metric=code, beside="from package.inner import f")
        write(folder / name, "package", inner=f"def f():\n    return {name!r}")
    first, second = load(folder / "first"), load(folder / "second")
    assert (first(), second(), first()) == ("first", "second", "first")


def test_every_form_of_import_finds_what_is_beside(folder):
    code = """
import package.inner
import package.inner as renamed
from package import inner
from package.inner import *
from . import beside

def f():
    return package.inner is renamed is inner, g(), beside.g()
"""
    write(folder, metric=code, beside="from metric import __doc__\nfrom package.inner import g")
    write(folder, "package", inner="def g():\n    return 1")
    assert load(folder)() == (True, 1, 1)


def test_a_module_that_is_nowhere_is_named_as_the_code_has_it(folder):
    write(folder, metric="import of_nobody\ndef f():\n    pass")
    with pytest.raises(CallableError, match="No module named 'of_nobody'"):
        load(folder)
