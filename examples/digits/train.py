"""Train digits' model and compress it, in one pipeline on this machine: python train.py."""

import tempfile
from pathlib import Path

from kfp import dsl, local

from inc_mlflow.pipelines.nested import nested_pipeline

HERE = Path(__file__).resolve().parent
int8 = nested_pipeline(HERE / "trained.yaml")


@dsl.component(base_image="python", install_kfp_package=False)
def train(folder: str, model: dsl.Output[dsl.Model]) -> None:
    """Train the module of net.py; the artifact is a folder with its weights."""
    import sys
    from pathlib import Path

    import numpy as np
    import torch
    from safetensors.torch import save_file

    sys.path.insert(0, folder)
    from net import build

    torch.manual_seed(0)
    rows = np.load(f"{folder}/tune.npz")
    image, label = torch.from_numpy(rows["image"]).float(), torch.from_numpy(rows["label"]).long()
    module, _ = build()
    optimizer = torch.optim.Adam(module.parameters(), 2e-3)
    for _ in range(20):
        for batch in torch.randperm(len(image)).split(50):
            optimizer.zero_grad()
            torch.nn.functional.cross_entropy(module(image[batch]), label[batch]).backward()
            optimizer.step()
    Path(model.path).mkdir(parents=True)
    save_file(module.state_dict(), f"{model.path}/weights.safetensors")


@dsl.pipeline(name="train-and-compress")
def train_and_compress(folder: str) -> None:
    """Train, then do all that the job says with what was trained."""
    int8(model=train(folder=folder).outputs["model"])


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as root:
        local.init(local.SubprocessRunner(use_venv=False), pipeline_root=root)
        train_and_compress(folder=str(HERE))
