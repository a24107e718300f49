"""A logged model is more than its file: what stands around it decides what is loaded, and runs."""

import shutil
from pathlib import Path

import numpy as np
import onnx
import pytest
import yaml
from onnx import TensorProto, helper, numpy_helper

from inc_mlflow.errors import DataError
from inc_mlflow.files import model_sha256
from inc_mlflow.tracking.flavors.onnx_package import check_onnx_package

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def logged(tmp_path_factory, request):
    """A model as MLflow writes it, by the call that logs candidates."""
    import mlflow

    folder = tmp_path_factory.mktemp("model")
    weights = numpy_helper.from_array(np.eye(64, dtype=np.float32), "w")
    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["n", 64]) for name in ("x", "y")]
    graph = helper.make_graph(
        [helper.make_node("MatMul", ["x", "w"], ["y"])], "g", ends[:1], ends[1:], [weights]
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=10)
    pins = [f"{name}==1.0" for name in ("onnx", "onnxruntime", "numpy")]
    mlflow.onnx.save_model(model, folder / "saved", pip_requirements=pins, save_as_external_data=False)
    return folder / "saved"


@pytest.fixture
def model(logged, tmp_path):
    return Path(shutil.copytree(logged, tmp_path / "model"))


def card(model: Path, flavor: str, **changes) -> None:
    file = model / "MLmodel"
    content = yaml.safe_load(file.read_text())
    content["flavors"].setdefault(flavor, {}).update(changes)
    file.write_text(yaml.safe_dump(content))


def test_what_mlflow_writes_is_taken(model):
    check_onnx_package(model, "m-1")
    for beside in ("input_example.json", "registered_model_meta"):
        (model / beside).write_text("{}")
    check_onnx_package(model, "m-1")


def another_model(model: Path) -> None:
    """Leave the file whose digest is known, and load another."""
    shutil.copyfile(model / "model.onnx", model / "other.onnx")
    card(model, "onnx", data="other.onnx")
    card(model, "python_function", data="other.onnx")


def other_weights(model: Path) -> None:
    """Keep weights where the digest does not look: they can be exchanged at any time."""
    found = onnx.load(model / "model.onnx")
    onnx.save_model(
        found, model / "model.onnx", save_as_external_data=True, location="MLmodel.bin", size_threshold=0
    )
    before = model_sha256(model / "model.onnx")
    (model / "MLmodel.bin").write_bytes(bytes(64 * 64 * 4))
    assert model_sha256(model / "model.onnx") == before


def weights_in_the_card(model: Path) -> None:
    """The same in a file that MLflow writes anyway."""
    found = onnx.load(model / "model.onnx")
    onnx.save_model(
        found, model / "model.onnx", save_as_external_data=True, location="conda.yaml", size_threshold=0
    )


def code_beside(model: Path) -> None:
    (model / "code").mkdir()
    (model / "code" / "evil.py").write_text("")


@pytest.mark.parametrize(
    ("alter", "says"),
    [
        (another_model, "has other.onnx beside the model"),
        (other_weights, "has MLmodel.bin beside the model"),
        (weights_in_the_card, "keeps weights in conda.yaml"),
        (code_beside, "has code/evil.py beside the model"),
        (lambda model: card(model, "onnx", data="MLmodel"), "loads another file than model.onnx"),
        (lambda model: card(model, "onnx", onnx_session_options={"execution_mode": "parallel"}), "or with options"),
        (lambda model: card(model, "python_function", loader_module="evil"), "by other code than mlflow.onnx"),
        (lambda model: card(model, "python_function", code="."), "by other code than mlflow.onnx"),
        (lambda model: card(model, "sklearn"), "is not that of an ONNX model"),
        (lambda model: (model / "MLmodel").write_text("[" * 100_000), "cannot be read"),
        (lambda model: (model / "MLmodel").unlink(), "lacks MLmodel"),
        (lambda model: (model / "model.onnx").write_bytes(b"none"), "cannot be read"),
        (lambda model: (model / "requirements.txt").write_text("onnx==1.0\nevil==1.0\n"), "installs 'evil==1.0'"),
        (lambda model: (model / "requirements.txt").write_text("--index-url http://evil\n"), "installs '--index-url"),
        (lambda model: (model / "conda.yaml").write_text("dependencies: [{pip: [evil]}]"), "conda.yaml installs 'evil'"),
        (lambda model: (model / "conda.yaml").write_text("a: &a [*a]"), r"conda.yaml: line 1: \*a refers to another part"),
        (lambda model: (model / "MLmodel").write_text("flavors: {onnx: [], python_function: 1}"), "not that of an ONNX"),
        (lambda model: card(model, "onnx", providers=[["TensorrtExecutionProvider", {}]]), "or with options"),
        (lambda model: card(model, "onnx", providers=1), "or with options"),
        (lambda model: (model / "python_env.yaml").write_text("build_dependencies: [evil]"), "python_env.yaml installs 'evil'"),
    ],
)  # fmt: skip
def test_what_would_be_loaded_or_run_besides_is_refused(model, alter, says):
    alter(model)
    with pytest.raises(
        DataError, match=rf"^logged model m-1: .*{says}.*it was altered, or inc-mlflow did not log it$"
    ):
        check_onnx_package(model, "m-1")
