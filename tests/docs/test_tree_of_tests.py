"""The tree of tests mirrors the packages, and a helper of several tests is imported by its full name."""

import ast
import sys

import pytest

from tests.support.paths import ROOT

TESTS = ROOT / "tests"
KINDS = {
    "benchmarks": "scripts that measure, run by hand",
    "cluster": "a job on an S3 server and a stub of Kubeflow",
    "containers": "the images, in a container engine",
    "contracts": "what every dataset, metric and transform keeps",
    "docs": "the pages, the wheel, and this tree",
    "fuzz": "damaged files for every loader",
    "k8s": "the manifests",
    "real": "jobs on real models",
    "servers": "the servers that tests start",
    "statistics": "promises of the gate, counted on drawn splits",
    "steps/shards": "steps done in shards, and merged",
    "support": "helpers",
    "views": "MLflow's pages in a browser",
}
"""Folders that cut across the packages, and what they hold."""
DATA = {"golden", "scripts", "__pycache__"}
"""Folders of data and of programs that tests start."""
FILES = sorted(path for path in TESTS.rglob("*.py") if path.relative_to(TESTS).parts[0] != "benchmarks")


def folders():
    return sorted(
        str(path.relative_to(TESTS))
        for path in TESTS.rglob("*")
        if path.is_dir() and not DATA & set(path.relative_to(TESTS).parts) and any(path.glob("*.py"))
    )


def is_kind(folder):
    return any(folder == kind or folder.startswith(f"{kind}/") for kind in KINDS)


def test_there_is_a_folder_for_each_kind():
    assert KINDS.keys() <= set(folders())


@pytest.mark.parametrize("folder", [folder for folder in folders() if folder != "." and not is_kind(folder)])
def test_each_other_folder_has_the_name_of_a_package(folder):
    assert (ROOT / "inc_mlflow" / folder / "__init__.py").is_file(), (
        f"tests/{folder}: inc_mlflow has no such package; move its tests to where the package is"
    )


def test_no_helper_is_imported_by_a_bare_name():
    beside = {path.stem for path in FILES} - sys.stdlib_module_names
    found = {str(file.relative_to(ROOT)): bare for file in FILES if (bare := imported(file) & beside)}
    assert not found, "import them as tests.support.…"


def imported(file):
    """Return the first parts of the names of all modules that a file imports."""
    names = set()
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names.add(node.module.partition(".")[0])
    return names


def test_pytest_finds_no_folder_of_helpers_beside_the_root(pytestconfig):
    assert pytestconfig.getini("pythonpath") == [ROOT]
