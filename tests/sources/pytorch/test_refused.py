"""What PyTorch can save and we do not take is refused in one line that says what to give; no code in it runs."""

import os
import pickle
import zipfile

import pytest

from inc_mlflow.errors import MissingExtraError, ModelError, SpecError
from inc_mlflow.registry.sources import SOURCES
from inc_mlflow.sources.pytorch.options import TorchModel
from inc_mlflow.sources.pytorch.weights import read_weights
from inc_mlflow.spec.source import named_source

torch = pytest.importorskip("torch")


class Hostile:
    """Runs a command where it is unpickled."""

    def __init__(self, mark):
        self.mark = mark

    def __reduce__(self):
        return os.mkdir, (str(self.mark),)


@pytest.mark.parametrize("suffix", [".pt", ".pth", ".jit", ".ckpt", ".pkl", ".safetensors"])
def test_a_saved_file_alone_is_no_model(suffix, tmp_path):
    with pytest.raises(SpecError, match=r"^model.torch: net\S+: .*; give a function that builds the module"):
        named_source(f"net{suffix}", tmp_path)


@pytest.mark.parametrize("save", [torch.save, lambda made, path: path.write_bytes(pickle.dumps(made))])
def test_a_pickle_with_code_is_refused_and_its_code_does_not_run(save, tmp_path):
    mark, path = tmp_path / "ran", tmp_path / "weights.pt"
    save({"weight": Hostile(mark)}, path)
    with pytest.raises(ModelError, match="holds pickled code, which is not run; save the weights alone"):
        read_weights(path, "model.weights")
    assert not mark.exists()
    torch.load(path, weights_only=False) if zipfile.is_zipfile(path) else pickle.loads(path.read_bytes())
    assert mark.exists()  # it would have run


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_torchscript_is_refused(tmp_path):
    path = tmp_path / "weights.pt"
    torch.jit.save(torch.jit.script(torch.nn.Linear(2, 2)), path)
    with pytest.raises(ModelError, match="is TorchScript, a program, which is not run; give a function"):
        read_weights(path, "model.weights")


@pytest.mark.parametrize("content", [b"", b"no weights", b"PK\x05\x06" + bytes(18)])
@pytest.mark.parametrize("name", ["weights.pt", "weights.safetensors"])
def test_a_broken_file_is_one_line(name, content, tmp_path):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(ModelError, match=r"model.weights: \S+ "):
        read_weights(tmp_path / name, "model.weights")


def test_what_is_no_state_dict_is_refused(tmp_path):
    torch.save({"epoch": 3}, tmp_path / "weights.pt")
    with pytest.raises(ModelError, match="is no state dict; save module"):
        read_weights(tmp_path / "weights.pt", "model.weights")


def test_the_state_dict_of_a_training_checkpoint_is_found(tmp_path):
    torch.save({"epoch": 3, "state_dict": {"weight": torch.ones(2)}}, tmp_path / "weights.pt")
    assert read_weights(tmp_path / "weights.pt", "model.weights")["weight"].tolist() == [1, 1]


def test_a_framework_that_is_not_installed_is_one_line_with_the_command(monkeypatch):
    monkeypatch.setattr("inc_mlflow.registry.table.find_spec", lambda name: None)
    with pytest.raises(
        MissingExtraError, match=r"'torch' needs the package 'torch'; pip install 'inc-mlflow\[torch\]'"
    ):
        SOURCES.check_packages("torch")


def test_the_files_of_a_model_are_its_code_with_what_that_imports_its_weights_and_what_it_reads(tmp_path):
    (tmp_path / "net.py").write_text("from layers import Layer\n")
    for name in ("layers.py", "w.safetensors", "vocabulary.txt"):
        (tmp_path / name).write_text("")
    model = TorchModel(torch="net.py:build", weights="w.safetensors", reads=("vocabulary.txt",))
    assert sorted(file.name for file in model.files(tmp_path)) == [
        "layers.py",
        "net.py",
        "vocabulary.txt",
        "w.safetensors",
    ]


@pytest.mark.parametrize("name", ["Trainer", "AutoTokenizer", "none_such"])
def test_a_folder_whose_configuration_names_what_is_no_model_is_refused(name):
    from inc_mlflow.sources.pytorch.pretrained import _model_class

    transformers = pytest.importorskip("transformers")
    with pytest.raises(ModelError, match=f"config.json names '{name}', no model of transformers"):
        _model_class(transformers, [name])
    assert _model_class(transformers, ["BertModel"]) is transformers.BertModel
