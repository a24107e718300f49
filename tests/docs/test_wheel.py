"""What the wheel holds."""

import os
import shutil
import subprocess
import sys
import zipfile
from collections import Counter
from pathlib import Path

import pytest

from tests.support.paths import ROOT

SOURCES = ("inc_mlflow", "components", "pipelines", "pyproject.toml", "README.md", "LICENSE", "NOTICE")

pytestmark = pytest.mark.slow


def copy_sources(target):
    """Copy what the wheel is made of, links as links: building writes beside its sources."""
    target.mkdir()
    for name in SOURCES:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(
                source, target / name, symlinks=True, ignore=shutil.ignore_patterns("__pycache__", "*.so")
            )
        else:
            shutil.copyfile(source, target / name)
    return target


def build(folder, **environment):
    """Build the wheel in a copy of the sources; nothing is installed."""
    sources = copy_sources(folder / "sources")
    command = [
        sys.executable,
        "-m",
        "pip",
        "wheel",
        "--quiet",
        "--no-deps",
        "--wheel-dir",
        folder / "dist",
        sources,
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=os.environ | environment)
    if done.returncode and "No matching distribution" in done.stderr:
        pytest.skip("setuptools cannot be fetched for the build")
    assert done.returncode == 0, done.stderr
    (path,) = (folder / "dist").glob("*.whl")
    return path


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    return build(tmp_path_factory.mktemp("wheel"))


@pytest.fixture(scope="module")
def names(wheel):
    with zipfile.ZipFile(wheel) as archive:
        return archive.namelist()


def test_each_file_stands_in_it_once(names, wheel):
    assert [name for name, count in Counter(names).items() if count > 1] == []
    with zipfile.ZipFile(wheel) as archive:
        large = [
            info.CRC for info in archive.infolist() if info.file_size > 200 and info.filename.endswith(".py")
        ]
    assert len(set(large)) == len(large)


def test_it_holds_every_source_file_and_no_other_code(names):
    sources = {str(path.relative_to(ROOT)) for path in (ROOT / "inc_mlflow").rglob("*.py")}
    for folder in ("components", "pipelines"):
        sources |= {f"inc_mlflow/{path.relative_to(ROOT)}" for path in (ROOT / folder).rglob("*.py")}
    assert {name for name in names if name.endswith(".py")} == sources


def test_components_and_pipelines_are_shipped_inside_the_package(names):
    assert "inc_mlflow/components/import_model.py" in names
    assert "inc_mlflow/pipelines/int8.py" in names
    assert {name.partition("/")[0].partition("-")[0] for name in names} == {"inc_mlflow"}


def test_it_holds_the_digests_of_the_images(names):
    assert [name for name in names if name.endswith(".lock")] == ["inc_mlflow/pipelines/images.lock"]


def test_it_holds_the_source_of_the_handler_that_emulation_compiles(names):
    assert "inc_mlflow/engines/onnxruntime/emulation/cpuid.c" in names


def test_it_holds_no_tests_data_or_models(names):
    assert not [name for name in names if name.endswith((".onnx", ".npz", ".pyc", ".db"))]
    shipped = ("inc_mlflow/components/yaml/", "inc_mlflow/spec/presets/")
    assert not [name for name in names if name.endswith(".yaml") and not name.startswith(shipped)]
    assert not [name for name in names if "tests" in Path(name).parts]


@pytest.mark.skipif(not shutil.which(os.environ.get("CC", "cc")), reason="needs a C compiler")
def test_it_holds_the_compiled_histogram_for_every_later_python(wheel, names):
    assert [name for name in names if name.endswith(".so")] == [
        "inc_mlflow/engines/onnxruntime/calibration/_counting.abi3.so"
    ]
    assert "-cp311-abi3-" in wheel.name


def test_without_a_compiler_it_is_built_all_the_same(tmp_path):
    with zipfile.ZipFile(build(tmp_path, CC="/bin/false")) as archive:
        names = archive.namelist()
    assert "inc_mlflow/engines/onnxruntime/calibration/counting.py" in names
    assert not [name for name in names if name.endswith(".so")]


def test_it_holds_licence_and_notice(names):
    licences = {Path(name).name for name in names if ".dist-info/" in name}
    assert {"LICENSE", "NOTICE"} <= licences


def test_it_brings_the_program(wheel, names):
    (entry,) = (name for name in names if name.endswith("entry_points.txt"))
    with zipfile.ZipFile(wheel) as archive:
        assert "inc-mlflow = inc_mlflow.cli:main" in archive.read(entry).decode()


def test_the_code_in_it_is_found_without_the_repository(wheel):
    """Not run: only the modules that need nothing but Python itself are imported."""
    code = f"import sys; sys.path.insert(0, {str(wheel)!r}); import inc_mlflow; print(inc_mlflow.__file__)"
    done = subprocess.run([sys.executable, "-I", "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.startswith(str(wheel))


def test_importing_mlflow_beside_it_loads_its_plugins_without_a_warning(wheel, tmp_path):
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(tmp_path)
    code = "import mlflow, sys; print(sys.modules['inc_mlflow.tracking.plugins.context_provider'].__file__)"
    command = [sys.executable, "-P", "-W", "error", "-c", code]
    done = subprocess.run(
        command, capture_output=True, text=True, check=False, env=os.environ | {"PYTHONPATH": str(tmp_path)}
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith(str(tmp_path))
