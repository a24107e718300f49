"""Patterns and masks: the units, exact counts, and zeros that stay."""

import pytest
import torch

from inc_mlflow.errors import ModelError
from inc_mlflow.training.prune.masks import Masks
from inc_mlflow.training.prune.patterns import UnitPattern, as_matrix, as_weight

NAMES = ("unstructured", "4x1", "2x1", "2:4", "1:2")
SHAPES = {"conv": (16, 8, 3, 3), "dense": (32, 64)}


def weights(seed=0):
    generator = torch.Generator().manual_seed(seed)
    return {name: torch.randn(shape, generator=generator) for name, shape in SHAPES.items()}


def zeros_of_units(weight, pattern):
    """How many weights of each unit are zero."""
    matrix = (as_matrix(weight) == 0).double()
    if pattern.group > 1:
        return matrix.reshape(len(matrix), -1, pattern.group).sum(2)
    return matrix.reshape(-1, pattern.block, matrix.shape[1]).sum(1)


def test_a_matrix_has_the_inputs_of_one_place_side_by_side():
    weight = torch.arange(2 * 3 * 2 * 2).reshape(2, 3, 2, 2)
    assert as_matrix(weight)[0].tolist() == [0, 4, 8, 1, 5, 9, 2, 6, 10, 3, 7, 11]
    assert torch.equal(as_weight(as_matrix(weight), weight.shape), weight)


@pytest.mark.parametrize("balanced", [False, True])
@pytest.mark.parametrize("name", NAMES)
def test_as_many_weights_are_zero_as_asked_and_in_whole_units(name, balanced):
    pattern, layers = UnitPattern.named(name), weights()
    sparsity = 0.5 if pattern.group > 1 else 0.7
    masks = Masks(pattern, layers, sparsity, balanced)
    for reached in (0.3, 0.8, 1.0):
        masks.extend({layer: one.abs() for layer, one in layers.items()}, reached)
        masks.apply()
    total = sum(one.numel() for one in layers.values())
    zeros = sum(int((one == 0).sum()) for one in layers.values())
    assert abs(zeros - sparsity * total) <= pattern.block * len(layers)
    for one in layers.values():
        found = set(zeros_of_units(one, pattern).flatten().tolist())
        assert found == ({pattern.zeros} if pattern.group > 1 else {0, pattern.block})
        if balanced:
            assert abs(float((one == 0).float().mean()) - sparsity) < 0.01


def test_what_is_zero_stays_zero_though_its_score_rises():
    layers = weights()
    masks = Masks(UnitPattern.named("4x1"), layers, 0.6, balanced=False)
    masks.extend({layer: one.abs() for layer, one in layers.items()}, 0.5)
    before = {layer: one.clone() for layer, one in masks.state().items()}
    masks.extend({layer: before[layer].float() * 9 for layer in layers}, 1.0)
    after = masks.state()
    assert all(bool((after[layer] | ~before[layer]).all()) for layer in layers)
    assert sum(int(one.sum()) for one in after.values()) > sum(int(one.sum()) for one in before.values())


def test_the_smallest_weights_of_a_group_become_zero():
    layers = {"one": torch.tensor([[1.0, -4.0, 3.0, 2.0, 8.0, 5.0, -6.0, 7.0]])}
    masks = Masks(UnitPattern.named("2:4"), layers, 0.5, balanced=False)
    masks.extend({"one": layers["one"].abs()}, 1.0)
    masks.apply()
    assert layers["one"].tolist() == [[0.0, -4.0, 3.0, 0.0, 8.0, 0.0, 0.0, 7.0]]


def test_all_layers_together_lose_the_least_and_none_loses_all():
    small, large = torch.rand(10, 10) * 0.01, torch.rand(10, 10) + 1
    layers = {"small": small, "large": large}
    masks = Masks(UnitPattern.named("unstructured"), layers, 0.5, balanced=False)
    masks.extend({layer: one.abs() for layer, one in layers.items()}, 1.0)
    zeros = {layer: int(one.sum()) for layer, one in masks.state().items()}
    assert zeros == {"small": 98, "large": 2}


@pytest.mark.parametrize(
    ("name", "shape", "groups", "said"),
    [
        ("4x1", (10, 32), 1, "layer 'fc': has 10 outputs, which 4x1 does not divide"),
        ("2:4", (16, 3, 3, 3), 1, "layer 'fc': has 3 inputs, which 2:4 does not divide"),
        ("2x1", (16, 1, 3, 3), 16, "layer 'fc': has 1 outputs in each group, which 2x1 does not divide"),
    ],
)
def test_a_layer_that_the_pattern_does_not_divide_is_named(name, shape, groups, said):
    with pytest.raises(ModelError, match=said):
        UnitPattern.named(name).check("fc", torch.Size(shape), groups)
