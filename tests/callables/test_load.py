import pytest

from inc_mlflow.callables import load_callable, source_file, user_code
from inc_mlflow.errors import CallableError, DataError

CODE = '''"""A user's file."""


def outer(value):
    return inner(value)


def inner(value):
    return 1 / value


def _hidden():
    pass


NUMBER = 3
'''


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "metric.py").write_text(CODE)
    return tmp_path


def failure(reference, folder):
    with pytest.raises(CallableError) as raised:
        load_callable(reference, folder, "metric.callable")
    assert "\n" not in str(raised.value)
    return str(raised.value)


def test_a_function_of_a_file_is_found_relative_to_the_job(folder):
    assert load_callable("metric.py:inner", folder, "metric.callable")(4) == 0.25
    assert source_file("metric.py:inner", folder) == folder / "metric.py"


def test_the_file_is_read_anew_each_time(folder):
    load_callable("metric.py:inner", folder, "x")
    (folder / "metric.py").write_text("def inner(value):\n    return 'new'\n")
    assert load_callable("metric.py:inner", folder, "x")(1) == "new"


@pytest.mark.parametrize("name", ["nothing", "NUMBER"])
def test_a_missing_function_lists_those_that_are_there(folder, name):
    assert (
        failure(f"metric.py:{name}", folder)
        == f"metric.callable: metric.py has no function {name!r}; it has inner, outer"
    )


def test_a_missing_file_is_named_with_the_way_to_write_it(folder):
    assert failure("other.py:f", folder) == (
        f"metric.callable: no file {folder / 'other.py'}; write it as file.py:function, "
        "relative to the job file"
    )


@pytest.mark.parametrize(
    ("code", "line", "says"),
    [
        ("def f(:\n    pass\n", 1, "SyntaxError: invalid syntax"),
        ("x = 1\n\nx = [1, 2\n", 3, "SyntaxError: '[' was never closed"),
        ("import os\n\n\nraise ValueError('no\\nluck')\n", 4, "in <module>: ValueError: no luck"),
        (
            "import no_such_module_here\n",
            1,
            "in <module>: ModuleNotFoundError: No module named 'no_such_module_here'",
        ),
        ("def g():\n    raise KeyError\n\n\ng()\n", 2, "in g: KeyError: no message"),
    ],
)
def test_a_file_that_cannot_be_imported_keeps_its_line(folder, code, line, says):
    (folder / "metric.py").write_text(code)
    message = failure("metric.py:f", folder)
    assert message.startswith(f"metric.callable: {folder / 'metric.py'}:{line}")
    assert says in message


def test_the_deepest_frame_in_the_users_file_is_told(folder):
    outer = load_callable("metric.py:outer", folder, "metric.callable")
    with pytest.raises(CallableError) as raised, user_code(folder / "metric.py", "metric.callable"):
        outer(0)
    assert (
        str(raised.value)
        == f"metric.callable: {folder / 'metric.py'}:9 in inner: ZeroDivisionError: division by zero"
    )


def test_an_error_outside_the_users_file_still_names_the_file(folder):
    with pytest.raises(CallableError) as raised, user_code(folder / "metric.py", "data.tuning.callable"):
        int("x")
    assert str(raised.value).startswith(
        f"data.tuning.callable: {folder / 'metric.py'}: ValueError: invalid literal"
    )


def test_our_own_errors_pass_through_unchanged(folder):
    with pytest.raises(DataError, match=r"^ours$"), user_code(folder / "metric.py", "x"):
        raise DataError("ours")


def test_a_file_that_ends_the_program_is_an_error(folder):
    (folder / "metric.py").write_text("import sys\n\nsys.exit(0)\n")
    assert "SystemExit" in failure("metric.py:f", folder)
