"""What a stage leaves of a module: read back into the module as built, and refused where it does not fit."""

import json

import pytest
import torch
from torch import nn

from inc_mlflow.errors import ModelError
from inc_mlflow.sources.pytorch.changed import SIZES, load_changed, save_changed


def built():
    return nn.Sequential(nn.Conv2d(1, 8, 3), nn.BatchNorm2d(8), nn.ReLU(), nn.Flatten(), nn.Linear(32, 4))


def smaller():
    module = built()
    module[0] = nn.Conv2d(1, 6, 3)
    module[1] = nn.BatchNorm2d(6)
    module[1].running_mean += torch.arange(6)
    module[4] = nn.Linear(24, 4)
    return module.eval()


def test_a_smaller_module_is_rebuilt_in_the_one_that_the_function_builds(tmp_path):
    save_changed(smaller(), built(), tmp_path)
    module = built()
    load_changed(module, tmp_path)
    x = torch.rand(2, 1, 4, 4)
    assert (module[0].out_channels, module[1].num_features, module[4].in_features) == (6, 6, 24)
    assert module.eval()(x).shape == (2, 4)
    assert set(json.loads((tmp_path / SIZES).read_text())["shapes"]) == {
        *(f"0.{one}" for one in ("weight", "bias")),
        *(f"1.{one}" for one in ("weight", "bias", "running_mean", "running_var")),
        "4.weight",
    }


def test_equal_modules_give_equal_bytes(tmp_path):
    module = smaller()
    for name in ("a", "b"):
        save_changed(module, built(), tmp_path / name)
    files = [{file.name: file.read_bytes() for file in (tmp_path / name).iterdir()} for name in ("a", "b")]
    assert files[0] == files[1]


@pytest.mark.parametrize(
    "sizes",
    [
        {"attributes": [], "shapes": {"0.weight": [16, 1, 3, 3]}},
        {"attributes": [], "shapes": {"0.weight": [0, 1, 3, 3]}},
        {"attributes": [], "shapes": {"9.weight": [1]}},
        {"attributes": [["0", "forward", 3]], "shapes": {}},
        {"attributes": [["0", "out_channels", "os"]], "shapes": {}},
        {"attributes": [["0", "__class__", 3]], "shapes": {}},
        {"shapes": {}},
        [],
    ],
)
def test_sizes_that_do_not_fit_are_refused(tmp_path, sizes):
    save_changed(smaller(), built(), tmp_path)
    (tmp_path / SIZES).write_text(json.dumps(sizes))
    with pytest.raises(ModelError, match="does not fit the module"):
        load_changed(built(), tmp_path)


def test_an_empty_folder_is_refused(tmp_path):
    with pytest.raises(ModelError, match="does not fit the module"):
        load_changed(built(), tmp_path)
