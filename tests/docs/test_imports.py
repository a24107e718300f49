"""The import contracts hold for modules that nobody has written yet, and the judging rooms load no engine."""

import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LINTER = Path(sys.executable).with_name("lint-imports")
PLANTED = ("inc_mlflow.newroom", "inc_mlflow.search.planted")
CONTRACTS = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
GUARDED = sorted(min(contract["packages"]) for contract in CONTRACTS if contract["type"] == "only_in")


@pytest.fixture
def house(tmp_path):
    """A copy of the project: what import-linter reads of it."""
    ours = shutil.ignore_patterns("__pycache__", "*.so")
    for folder in ("inc_mlflow", "components", "pipelines", "tests/support"):
        shutil.copytree(ROOT / folder, tmp_path / folder, symlinks=True, ignore=ours)
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    return tmp_path


def lint(house):
    """Run the linter over the copy, whichever copy of the package is installed."""
    done = subprocess.run(
        [LINTER, "--no-logo", "--no-cache"],
        cwd=house,
        env=os.environ | {"PYTHONPATH": str(house), "NO_COLOR": "1", "COLUMNS": "200"},
        capture_output=True,
        text=True,
    )
    return done.returncode, done.stdout


def test_the_contracts_are_kept_by_the_code_as_it_is(house):
    code, printed = lint(house)
    assert code == 0, printed
    assert f"{len(CONTRACTS)} kept, 0 broken" in printed


def test_every_contract_names_a_module_that_appears_tomorrow(house):
    (house / "inc_mlflow/newroom").mkdir()
    for file in ("newroom/__init__.py", "search/planted.py"):
        (house / "inc_mlflow" / file).write_text(f"import {', '.join(GUARDED)}\n")
    code, printed = lint(house)
    assert code != 0
    assert {"kfp", "mlflow", "onnx"} <= set(GUARDED)
    for package in GUARDED:
        named = re.findall(rf"^(\S+) imports {package};", printed, re.MULTILINE)
        assert tuple(named) == PLANTED, printed
    assert "layers BROKEN" in printed  # no layer says whom the new room may import
    assert "newroom" in printed.partition("\nlayers\n")[2], printed


LOADED = """
import importlib, pkgutil, sys
for name in {packages}:
    package = importlib.import_module(name)
    for found in pkgutil.walk_packages(package.__path__, name + "."):
        importlib.import_module(found.name)
inside = [one for one in sys.modules if one.startswith("inc_mlflow.engines.")]
engines = [one for one in inside if hasattr(sys.modules[one], "__path__")]
frameworks = [one for one in ("onnx", "onnxruntime", "torch", "tensorflow") if one in sys.modules]
print(frameworks + sorted(engines))
"""


@pytest.mark.parametrize("package", ["inc_mlflow.measure.gate", "inc_mlflow.promotion"])
def test_judging_and_promoting_load_no_engine(package):
    done = subprocess.run(
        [sys.executable, "-c", LOADED.format(packages=[package])], capture_output=True, text=True, check=True
    )
    assert done.stdout == "[]\n"
