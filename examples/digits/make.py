"""Make the digits example: three data splits and a small FP32 convolutional network.

    pip install torch==2.13.0 scikit-learn onnx
    python make.py

It writes next to itself, in under a minute on two cores and without a download; on one kind
of processor every run writes the same bytes:

    calib.npz   300 rows, to calibrate with
    tune.npz    997 rows, to choose between settings with
    dev.npz     500 rows, stratified by label, to measure on; never trained on
    fp32.onnx   the network, trained on the rows of calib.npz and tune.npz

Each .npz holds `image`, float32 (n, 1, 8, 8) in [0, 1], and `label`, int64 (n,).
The network takes `image` (batch, 1, 8, 8) and gives `logits` (batch, 10).

The images are scikit-learn's `load_digits`, the test part of "Optical Recognition of
Handwritten Digits" by E. Alpaydin and C. Kaynak (UCI Machine Learning Repository).
"""

from pathlib import Path

import numpy as np
import torch
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from torch import nn
from torch.nn import functional

FOLDER = Path(__file__).resolve().parent
SEED, DEV_ROWS, CALIB_ROWS = 0, 500, 300
EPOCHS, BATCH_ROWS, PEAK_LEARNING_RATE = 40, 64, 3e-3

Split = tuple[np.ndarray, np.ndarray]  # images, labels


def make_splits() -> dict[str, Split]:
    pixels, labels = load_digits(return_X_y=True)
    if len(np.unique(pixels, axis=0)) != len(pixels):
        raise ValueError("load_digits holds duplicate rows: splits could share one")
    images = (pixels / 16).astype(np.float32).reshape(-1, 1, 8, 8)
    labels = labels.astype(np.int64)
    rest, dev = train_test_split(
        np.arange(len(labels)), test_size=DEV_ROWS, stratify=labels, random_state=SEED
    )
    rows_of = {"calib": rest[:CALIB_ROWS], "tune": rest[CALIB_ROWS:], "dev": dev}
    return {name: (images[rows], labels[rows]) for name, rows in rows_of.items()}


def convolution(inputs: int, outputs: int, groups: int = 1, width: int = 3) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, width, padding=width // 2, groups=groups, bias=False),
        nn.BatchNorm2d(outputs),
        nn.ReLU(),
    )


class DigitNet(nn.Module):
    """Two convolutions, a depthwise-separable residual block, a wider convolution, a classifier."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Sequential(convolution(1, 32), convolution(32, 64))
        self.residual = nn.Sequential(convolution(64, 64, groups=64), convolution(64, 64, width=1))
        self.head = nn.Sequential(nn.MaxPool2d(2), convolution(64, 128), nn.AdaptiveAvgPool2d(1))
        self.classifier = nn.Linear(128, 10)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        features = self.stem(image)
        features = self.head(features + self.residual(features))
        logits: torch.Tensor = self.classifier(torch.flatten(features, 1))
        return logits


def shift_at_random(images: torch.Tensor) -> torch.Tensor:
    """The images, each moved by at most one pixel in each direction."""
    padded = functional.pad(images, (1, 1, 1, 1))
    rows = torch.randint(0, 3, (len(images), 1, 1)) + torch.arange(8).view(1, 8, 1)
    columns = torch.randint(0, 3, (len(images), 1, 1)) + torch.arange(8).view(1, 1, 8)
    return padded[torch.arange(len(images)).view(-1, 1, 1), 0, rows, columns].unsqueeze(1)


def train(images: torch.Tensor, labels: torch.Tensor) -> DigitNet:
    torch.manual_seed(SEED)
    torch.use_deterministic_algorithms(True)
    torch.set_num_threads(2)  # the order of sums, and so the weights, depends on it
    model = DigitNet()
    optimizer = torch.optim.AdamW(model.parameters(), weight_decay=0.01)
    steps = EPOCHS * -(-len(images) // BATCH_ROWS)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, PEAK_LEARNING_RATE, steps)
    for _ in range(EPOCHS):
        for chosen in torch.randperm(len(images)).split(BATCH_ROWS):
            optimizer.zero_grad()
            logits = model(shift_at_random(images[chosen]))
            functional.cross_entropy(logits, labels[chosen], label_smoothing=0.05).backward()
            optimizer.step()
            schedule.step()
    return model.eval()


def main() -> None:
    splits = make_splits()
    for name, (images, labels) in splits.items():
        np.savez_compressed(FOLDER / f"{name}.npz", image=images, label=labels)
    training = (np.concatenate(parts) for parts in zip(splits["calib"], splits["tune"], strict=True))
    model = train(*map(torch.from_numpy, training))
    dev_images, dev_labels = map(torch.from_numpy, splits["dev"])
    with torch.no_grad():
        correct = (model(dev_images).argmax(1) == dev_labels).sum().item()
    print(f"top1 on dev: {correct}/{DEV_ROWS}")
    torch.onnx.export(
        model,
        (dev_images[:1],),
        str(FOLDER / "fp32.onnx"),
        dynamo=False,
        opset_version=17,
        input_names=["image"],
        output_names=["logits"],
        dynamic_axes={"image": {0: "batch"}, "logits": {0: "batch"}},
    )


if __name__ == "__main__":
    main()
