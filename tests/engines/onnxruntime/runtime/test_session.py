"""The provider that was asked for runs the model, or nothing does."""

import onnx
import onnxruntime
import pytest

from inc_mlflow.engines.onnxruntime.runtime import session
from inc_mlflow.engines.onnxruntime.runtime.runner import Runner
from inc_mlflow.errors import HardwareError
from tests.support.graphs import linear

CUDA = "CUDAExecutionProvider"
WITHOUT_CUDA = pytest.mark.skipif(
    CUDA in onnxruntime.get_available_providers(), reason="this onnxruntime has CUDA"
)


@pytest.fixture
def model(tmp_path):
    onnx.save(linear(), tmp_path / "m.onnx")
    return tmp_path / "m.onnx"


@WITHOUT_CUDA
def test_a_provider_that_onnxruntime_lacks_is_refused_with_those_it_has(model):
    with pytest.raises(
        HardwareError, match=f"^provider: this onnxruntime has no {CUDA}, only .*CPUExecutionProvider; use"
    ):
        Runner(model, threads=1, provider=CUDA)


@WITHOUT_CUDA
@pytest.mark.filterwarnings("ignore:Specified provider:UserWarning")
def test_a_provider_that_does_not_start_is_not_replaced_by_the_cpu(model, monkeypatch):
    """ONNX Runtime gives a session on the CPU here, as it does with CUDA on a machine without a GPU."""
    monkeypatch.setattr(session.onnxruntime, "get_available_providers", lambda: [CUDA])
    with pytest.raises(
        HardwareError, match=f"^provider: onnxruntime cannot start {CUDA} here; check the GPU"
    ):
        Runner(model, threads=1, provider=CUDA)


def test_a_call_that_fails_is_not_repeated_by_another_provider(model):
    opened = session.open_file(model, session.options(threads=1))
    assert opened.get_providers() == ["CPUExecutionProvider"]
    assert opened._enable_fallback is False
