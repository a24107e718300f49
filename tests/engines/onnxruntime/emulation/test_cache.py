"""The prepared copy of onnxruntime: where it is, what is in it, and that it is whole or not there."""

import pytest

from inc_mlflow.engines.onnxruntime.emulation import cache, prepare
from inc_mlflow.engines.onnxruntime.emulation.needs import missing
from inc_mlflow.engines.onnxruntime.emulation.patch import CPUID
from inc_mlflow.errors import HardwareError, StateError
from inc_mlflow.hardware.isa import PROFILES

LACKS = missing(PROFILES["x86-avx2"])
pytestmark = pytest.mark.skipif(bool(LACKS), reason=f"emulation needs {', '.join(LACKS)}")


def quickly(library):
    """Stand in for the patch, which takes seconds."""
    return library.read_bytes().replace(CPUID, b"\xcc\x90")


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(cache, "patched", quickly)
    return tmp_path


def test_it_is_made_once_and_holds_no_library_that_could_ask_the_cpu_itself(home, monkeypatch):
    made = cache.prepared()
    assert made.parent == home / "inc_mlflow" / "isa"
    assert (made / cache.HANDLER).is_file()
    assert (made / "onnxruntime" / "__init__.py").is_file()
    libraries = list((made / "onnxruntime").rglob("*.so*"))
    assert libraries
    assert not [path for path in libraries if CPUID in path.read_bytes()]
    monkeypatch.setattr(cache, "patched", None)
    assert cache.prepared() == made


def test_what_was_left_half_way_is_made_again(home, monkeypatch):
    def fails(library):
        raise HardwareError("in the middle")

    monkeypatch.setattr(cache, "patched", fails)
    with pytest.raises(HardwareError, match="in the middle"):
        cache.prepared()
    places = (home / "inc_mlflow" / "isa").iterdir()
    assert not [path for path in places if path.is_dir() and not path.name.startswith(".")]
    monkeypatch.setattr(cache, "patched", quickly)
    made = cache.prepared()
    assert [path for path in made.parent.iterdir() if path.is_dir()] == [made]


def test_another_compiler_makes_another_copy(home, monkeypatch):
    monkeypatch.setattr(cache, "_make", lambda _, target: target.mkdir())
    first = cache.prepared()
    monkeypatch.setattr(cache, "_version", lambda tool: "another")
    assert cache.prepared() != first


def test_a_cache_that_cannot_be_written_is_named(home):
    (home / "inc_mlflow").write_text("a file")
    with pytest.raises(StateError, match="cannot be written"):
        cache.prepared()


def test_a_path_that_the_loader_cannot_hold_is_refused(home, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(home / "two words"))
    monkeypatch.setattr(cache, "_make", lambda _, target: target.mkdir())
    with pytest.raises(HardwareError, match="space or colon, which LD_PRELOAD cannot hold"):
        prepare("x86-avx2")


def test_what_the_environment_held_already_stays(home, monkeypatch):
    monkeypatch.setattr(cache, "_make", lambda _, target: target.mkdir())
    monkeypatch.setenv("PYTHONPATH", "/mine")
    monkeypatch.delenv("LD_PRELOAD", raising=False)
    environment = prepare("x86-avx2")
    assert environment["PYTHONPATH"].split(":")[1:] == ["/mine"]
    assert environment["LD_PRELOAD"].endswith("/cpuid.so")
