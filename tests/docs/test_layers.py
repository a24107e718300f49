"""Functions and files stay small enough to read."""

import ast

from tests.support.paths import ROOT

FOLDERS = ("inc_mlflow", "components", "pipelines")
FUNCTION, FILE = 60, 300


def files():
    """Every file once: the links inside inc_mlflow lead to the folders at the top."""
    found = {path.resolve() for folder in FOLDERS for path in (ROOT / folder).rglob("*.py")}
    assert len(found) > 50
    return sorted(found)


def functions():
    for path in files():
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                yield f"{path.relative_to(ROOT)}:{node.lineno} {node.name}", node.end_lineno - node.lineno + 1


def test_no_file_is_over_three_hundred_lines():
    tests = sorted((ROOT / "tests").rglob("*.py"))
    assert len(tests) > 50
    long = {
        str(path.relative_to(ROOT)): count
        for path in [*files(), *tests]
        if (count := len(path.read_text().splitlines())) > FILE
    }
    assert long == {}


def test_no_function_is_over_sixty_lines():
    assert {name: count for name, count in functions() if count > FUNCTION} == {}


def test_every_folder_of_the_package_says_what_it_holds():
    folders = {path.parent for path in files()}
    for folder in folders:
        assert ast.get_docstring(ast.parse((folder / "__init__.py").read_text())), folder
