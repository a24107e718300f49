"""Modules beside a user's file: importable from there, and from there alone."""

import importlib.util
import statistics
import sys

import pytest

from inc_mlflow.callables import code_files, load_callable
from inc_mlflow.callables.siblings import _Siblings
from inc_mlflow.errors import CallableError

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


CALLABLE = "import beside\ndef f():\n    return beside.f()"


def test_two_folders_with_other_code_of_one_name_are_refused(folder):
    """Both would get the module of the folder that is loaded first."""
    write(folder, "data", metric=CALLABLE, beside="def f():\n    return 'of data'")
    write(folder, "metrics", metric=CALLABLE, beside="def f():\n    return 'of metrics'")
    assert load(folder / "data")() == "of data"
    with pytest.raises(
        CallableError, match=r"^metric\.callable: its code imports 'beside', and so does a file"
    ):
        load(folder / "metrics")


@pytest.mark.parametrize("name", ["beside", "statistics"])
def test_equal_code_and_names_that_python_has_are_no_trouble(folder, name):
    code = f"import {name}\ndef f():\n    return {name}"
    for inside in ("data", "metrics"):
        write(folder, inside, metric=code, beside="", statistics=f"# of {inside}")
        assert load(folder / inside)().__name__ == name


def test_a_package_of_one_name_is_compared_whole(folder):
    write(folder, "data", metric="from package import one\ndef f():\n    pass")
    write(folder, "metrics", metric="from package import two\ndef f():\n    pass")
    write(folder / "data", "package", one="", two="")
    write(folder / "metrics", "package", one="", two="different = True")
    load(folder / "data")
    with pytest.raises(CallableError, match="imports 'package'"):
        load(folder / "metrics")
