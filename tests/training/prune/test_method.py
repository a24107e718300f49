"""Pruning of whole modules: exact zeros in the file, smaller layers, the same bytes after a kill."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from inc_mlflow.engines.onnxruntime.analysis.layer_weights import layer_weights
from inc_mlflow.errors import ModelError
from inc_mlflow.files import sha256_file
from inc_mlflow.sources.pytorch.changed import WEIGHTS
from inc_mlflow.sources.pytorch.source import SOURCE
from inc_mlflow.training.prune.heads import remove_heads
from inc_mlflow.training.prune.method import METHOD
from inc_mlflow.training.prune.options import Prune
from tests.support.small_modules import module_data, pictures

SCORES = ("magnitude", "snip_momentum", "gradient", "group_lasso")


def recipe(pattern, sparsity=0.7, excluded=(), **options):
    return Prune.model_validate(
        {"pattern": pattern, "sparsity": sparsity, "excluded": list(excluded), **options}
    )


def exported(data, folder):
    """The weights in the ONNX file of what a stage left."""
    path = folder / "model.onnx"
    SOURCE.open(data.source.changed(folder), data.root).convert(path)
    return list(layer_weights(path))


@pytest.mark.parametrize(
    ("pattern", "sparsity", "score"),
    [
        ("unstructured", 0.8, "snip_momentum"),
        ("4x1", 0.8, "snip_momentum"),
        ("2x1", 0.75, "gradient"),
        ("2:4", 0.5, "magnitude"),
        ("1:2", 0.5, "group_lasso"),
    ],
)
def test_the_file_has_exactly_the_zeros_that_were_asked_for(tmp_path, pattern, sparsity, score):
    excluded = ("0",) if ":" in pattern else ()
    one, data = recipe(pattern, sparsity, excluded, score=score), module_data(tmp_path)
    facts = METHOD.train(one, data, tmp_path / "made")
    counted = METHOD.check_exported(one, facts, tmp_path / "made", exported(data, tmp_path / "made"))
    layers = {layer.name: layer for layer in counted.pruning.layers}
    assert list(layers) == [name for name in ("0", "3", "8", "11") if name not in excluded]
    weights = sum(layer.weights for layer in layers.values())
    assert abs(counted.pruning.sparsity - sparsity) <= 4 / weights
    assert facts.training.points[-1].score > 0.8
    assert facts.training.chosen >= 2  # the first epoch does not have all zeros yet
    assert facts.pruning.compressed < 0.8


def test_a_file_with_other_zeros_is_refused(tmp_path):
    one, data = recipe("4x1"), module_data(tmp_path, epochs=1)
    facts = METHOD.train(one, data, tmp_path / "made")
    weights = exported(data, tmp_path / "made")
    with pytest.raises(ModelError, match="layer '0': its weights are not in the exported file"):
        METHOD.check_exported(one, facts, tmp_path / "made", [np.abs(array) + 1 for array in weights])


@pytest.mark.parametrize("score", ["magnitude", "snip_momentum", "gradient"])
def test_channels_are_gone_and_the_module_is_rebuilt_from_its_function(tmp_path, score):
    one, data = recipe("channel", 0.5, score=score), module_data(tmp_path)
    facts = METHOD.train(one, data, tmp_path / "made")
    module = SOURCE.open(data.source.changed(tmp_path / "made"), data.root).module
    assert [tuple(module[place].weight.shape[:2]) for place in (0, 3, 8, 11)] == [
        (8, 1),
        (8, 8),
        (16, 32),
        (4, 16),
    ]
    assert (module[0].out_channels, module[1].num_features, module[8].in_features) == (8, 8, 32)
    assert facts.pruning.parameters_after < 0.35 * facts.pruning.parameters_before
    METHOD.check_exported(one, facts, tmp_path / "made", exported(data, tmp_path / "made"))
    assert facts.training.points[-1].score > 0.8


@pytest.mark.parametrize(("multiple", "left"), [(None, 8), (1, 7), (3, 9), (16, 16)])
def test_layers_keep_multiples_of_channels_rounded_up(tmp_path, multiple, left):
    """Of 16 channels 7 would stay."""
    options = {"multiple": multiple, "layers": ["0"], "score": "magnitude"}
    one, data = recipe("channel", 9 / 16, **options), module_data(tmp_path, epochs=1)
    if left == 16:
        with pytest.raises(ModelError, match=r"all layers keep their channels: .* a multiple of 16"):
            METHOD.train(one, data, tmp_path / "made")
        return
    METHOD.train(one, data, tmp_path / "made")
    module = SOURCE.open(data.source.changed(tmp_path / "made"), data.root).module
    assert module[0].out_channels == left


def test_units_of_one_layer_are_removed(tmp_path):
    one, data = recipe("channel", 0.5, layers=["*.i"], score="magnitude"), module_data(tmp_path, "attending")
    METHOD.train(one, data, tmp_path / "made")
    block = SOURCE.open(data.source.changed(tmp_path / "made"), data.root).module.block
    assert (block.i.out_features, block.f.in_features, block.q.out_features) == (16, 16, 16)


def test_heads_are_removed(tmp_path):
    one = recipe("head", 0.5, attention={"module": "block"}, score="gradient")
    data = module_data(tmp_path, "attending", epochs=8)
    facts = METHOD.train(one, data, tmp_path / "made")
    block = SOURCE.open(data.source.changed(tmp_path / "made"), data.root).module.block
    assert (block.heads, block.q.out_features, block.o.in_features, block.o.out_features) == (2, 8, 8, 16)
    assert facts.training.points[-1].loss < facts.training.points[1].loss


def changed_attention(folder, old, new):
    """What a stage gets whose module attends in another way."""
    data = module_data(folder, "attending", epochs=1)
    code = (folder / "modules.py").read_text()
    assert old in code
    (folder / "modules.py").write_text(code.replace(old, new))
    return data


def test_a_scale_made_of_the_number_of_heads_stays_what_it_was(tmp_path):
    """Half of the heads: the module divides by a root that is larger, and its queries are larger by as much."""
    made = []
    for name, scale in (("fixed", "self.size ** 0.5"), ("counted", "(16 // self.heads) ** 0.5")):
        (tmp_path / name).mkdir()
        data = changed_attention(tmp_path / name, "self.size ** 0.5", scale)
        opened = SOURCE.open(data.source, data.root)
        opened.module.eval()
        weights = {path: one.weight for path, one in opened.module.named_modules() if hasattr(one, "weight")}
        scores = {path: one.abs() for path, one in weights.items()}
        rows = {"x": torch.tensor(pictures(8)[0])}
        one = recipe("head", 0.5, attention={"module": "block"})
        assert remove_heads(opened, one, scores, rows) == ["block"]
        made.append((opened.call(rows)["output"], opened.module.block.q.weight))
    (fixed, narrow), (counted, grown) = made
    assert torch.allclose(fixed, counted, atol=1e-5)
    assert torch.allclose(narrow * 2**0.5, grown)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("self.size ** 0.5", "(16 / self.heads) ** 0.25 / 1.5", "compute a head's width from its weights"),
        ("reshape(n, length, -1)", "reshape(n, length, 16)", r"does not run with fewer heads .*-1\) does"),
    ],
)
def test_attention_that_needs_its_heads_is_refused(tmp_path, old, new, said):
    data = changed_attention(tmp_path, old, new)
    with pytest.raises(ModelError, match=said):
        METHOD.train(recipe("head", 0.5, attention={"module": "block"}), data, tmp_path / "made")


class KilledError(Exception):
    pass


@pytest.mark.parametrize("pattern", ["4x1", "channel"])
@pytest.mark.parametrize("at", [1, 2])
def test_a_killed_training_ends_with_the_same_bytes(tmp_path, pattern, at):
    one = recipe(pattern, 0.5, score="snip_momentum")
    for name in ("whole", "killed"):
        (tmp_path / name).mkdir()
    whole = module_data(tmp_path / "whole", checkpoint=3, learning_rate="auto")
    METHOD.train(one, whole, tmp_path / "whole" / "made")
    calls = []

    def dies(model):
        calls.append(model)
        if len(calls) == at + 1:
            raise KilledError
        return whole.score(model)

    killed = module_data(tmp_path / "killed", score=dies, checkpoint=3, learning_rate="auto")
    with pytest.raises(KilledError):
        METHOD.train(one, killed, tmp_path / "killed" / "made")
    METHOD.train(one, killed, tmp_path / "killed" / "made")
    assert len(calls) == 6  # the start and four epochs, one of them twice: nothing began anew
    made = [sha256_file(tmp_path / name / "made" / WEIGHTS) for name in ("whole", "killed")]
    assert made[0] == made[1]


def test_another_seed_gives_other_weights(tmp_path):
    made = []
    for seed in (0, 1):
        (tmp_path / str(seed)).mkdir()
        data = module_data(tmp_path / str(seed), epochs=1, seed=seed)
        METHOD.train(recipe("4x1"), data, tmp_path / str(seed) / "made")
        made.append(sha256_file(tmp_path / str(seed) / "made" / WEIGHTS))
    assert made[0] != made[1]


def test_zeros_follow_the_second_pruning(tmp_path):
    """A chain of two: what was zero stays, since the smallest weights go first."""
    data = module_data(tmp_path)
    METHOD.train(recipe("unstructured", 0.5, score="magnitude"), data, tmp_path / "first")
    second = replace(data, source=data.source.changed(tmp_path / "first"))
    METHOD.train(recipe("unstructured", 0.8, score="magnitude"), second, tmp_path / "second")
    state = load_file(tmp_path / "second" / WEIGHTS)
    zeros = sum(int((state[f"{name}.weight"] == 0).sum()) for name in ("0", "3", "8", "11"))
    assert zeros == round(0.8 * sum(state[f"{name}.weight"].numel() for name in ("0", "3", "8", "11")))


@pytest.mark.parametrize(
    ("options", "changed", "said"),
    [
        ({"excluded": ["9"]}, {}, "excluded: no layer is called '9'; there are 0, 3, 8, 11"),
        ({"layers": ["x.*"]}, {}, r"layers: no layer is called 'x\.\*'"),
        ({"pattern": "2:4", "sparsity": 0.5}, {}, "layer '0': has 1 inputs, which 2:4 does not divide"),
        ({}, {"labels": False, "loss": "auto"}, "snip_momentum needs a loss by labels"),
        ({"pattern": "channel", "layers": ["11"]}, {}, "no layer can lose channels"),
    ],
)
def test_what_cannot_be_pruned_is_one_line(tmp_path, options, changed, said):
    one = recipe(**{"pattern": "unstructured", **options})
    with pytest.raises(ModelError, match=said):
        METHOD.train(one, module_data(tmp_path, **changed), tmp_path / "made")


def test_a_loss_that_is_no_number_is_one_line(tmp_path):
    data = module_data(tmp_path)
    code = (
        (tmp_path / "modules.py")
        .read_text()
        .replace("return module, {", "module[0].weight.data[:] = float('nan'); return module, {")
    )
    (tmp_path / "modules.py").write_text(code)
    with pytest.raises(ModelError, match="the loss is nan before the first step"):
        METHOD.train(recipe("unstructured"), data, tmp_path / "made")


def test_pictures_can_be_told_apart():
    x, y = pictures(64)
    quarters = torch.nn.functional.avg_pool2d(torch.tensor(x), 4).flatten(1).argmax(1)
    assert (quarters.numpy() == y).mean() > 0.95
