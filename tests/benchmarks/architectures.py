"""Write four more real models with data and jobs: a depthwise CNN, a transformer encoder, an LSTM, a GRU.

They show whether `recipes: auto` was tuned to the models that it was made with. The CNN reads scikit-learn's
digits, enlarged to 32x32. The others tell which package of Python's standard library a piece of source text
comes from: up to 64 tokens, hashed. Each is trained in at most two minutes on one core and exported to
FOLDER/<name>/fp32.onnx with a batch of any size.

``python tests/benchmarks/architectures.py FOLDER [NAME ...]``, with an interpreter that has torch 2.13, onnx,
onnxscript and scikit-learn; then ``inc-mlflow search FOLDER/<name>/job.yaml -o DIR``.
"""

import re
import sys
import sysconfig
import zlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from sklearn.datasets import load_digits
from torch import nn

PACKAGES = (
    "asyncio",
    "ctypes",
    "distutils",
    "email",
    "encodings",
    "http",
    "idlelib",
    "lib2to3",
    "tkinter",
    "unittest",
)
TOKENS, WORDS, MOST_PIECES = 64, 4096, 600
BATCH = 32
SPLITS = {"calibration": 200, "tuning": 500, "validation": 800}
"""Rows by split; calibration is taken from the training rows."""
JOB = """version: 1
name: {name}
model: fp32.onnx
data:
  calibration: {{path: calibration.npz}}
  tuning: {{path: tuning.npz}}
  validation: {{path: validation.npz}}
metric: {{name: top1, output: logits}}
recipes: auto
gate: {{max_relative_drop: 0.02}}
"""

Arrays = dict[str, np.ndarray]


class Inverted(nn.Module):
    """An inverted residual block, as MobileNetV2 has them."""

    def __init__(self, before: int, after: int, stride: int) -> None:
        super().__init__()
        inner, self.residual = before * 6, stride == 1 and before == after
        self.body = nn.Sequential(
            *(nn.Conv2d(before, inner, 1, bias=False), nn.BatchNorm2d(inner), nn.ReLU6()),
            *(
                nn.Conv2d(inner, inner, 3, stride, 1, groups=inner, bias=False),
                nn.BatchNorm2d(inner),
                nn.ReLU6(),
            ),
            *(nn.Conv2d(inner, after, 1, bias=False), nn.BatchNorm2d(after)),
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x + self.body(x) if self.residual else self.body(x)


class Mobile(nn.Sequential):
    """A small MobileNetV2."""

    def __init__(self) -> None:
        channels = ((24, 24, 1), (24, 32, 2), (32, 32, 1), (32, 64, 2), (64, 64, 1), (64, 96, 2))
        super().__init__(
            *(nn.Conv2d(1, 24, 3, 1, 1, bias=False), nn.BatchNorm2d(24), nn.ReLU6()),
            *(Inverted(*one) for one in channels),
            *(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(96, 10)),
        )


class Encoder(nn.Module):
    """A transformer encoder with a classifier on the mean of its tokens."""

    def __init__(self, width: int = 128, layers: int = 2) -> None:
        super().__init__()
        self.words, self.places = nn.Embedding(WORDS, width), nn.Parameter(torch.randn(TOKENS, width) * 0.02)
        layer = nn.TransformerEncoderLayer(width, 4, 4 * width, 0.1, "gelu", batch_first=True)
        self.layers, self.head = (
            nn.TransformerEncoder(layer, layers, enable_nested_tensor=False),
            nn.Linear(width, len(PACKAGES)),
        )

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        x = self.layers(self.words(tokens) + self.places, src_key_padding_mask=tokens == 0)
        return self.head(mean(x, tokens))


class Recurrent(nn.Module):
    """A recurrent layer with a classifier on the mean of its tokens."""

    def __init__(self, kind: type[nn.LSTM | nn.GRU], width: int = 128) -> None:
        super().__init__()
        self.words, self.layer = (
            nn.Embedding(WORDS, width),
            kind(width, width, batch_first=True, bidirectional=True),
        )
        self.head = nn.Linear(2 * width, len(PACKAGES))

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        return self.head(mean(self.layer(self.words(tokens))[0], tokens))


def mean(x: torch.Tensor, tokens: torch.Tensor) -> torch.Tensor:
    """Average over the tokens that are no padding."""
    weights = (tokens != 0).unsqueeze(-1).to(x.dtype)
    return (x * weights).sum(1) / weights.sum(1)


def digits() -> tuple[Arrays, np.ndarray]:
    """Return 1797 images of handwritten digits, enlarged."""
    images, labels = load_digits(return_X_y=True)
    small = torch.tensor(images.reshape(-1, 1, 8, 8), dtype=torch.float32) / 16
    large = nn.functional.interpolate(small, size=(32, 32), mode="bilinear", align_corners=False)
    return {"image": large.numpy()}, labels.astype(np.int64)


def texts() -> tuple[Arrays, np.ndarray]:
    """Return pieces of source text as tokens, padded with 0, and the numbers of their packages."""
    rows, labels = [], []
    for label, package in enumerate(PACKAGES):
        found = list(dict.fromkeys(pieces(Path(sysconfig.get_path("stdlib")) / package)))
        chosen = np.random.default_rng(label).permutation(len(found))[:MOST_PIECES]
        rows += [found[number] for number in chosen]
        labels += [label] * len(chosen)
    tokens = np.zeros((len(rows), TOKENS), np.int64)
    for number, row in enumerate(rows):
        tokens[number, : len(row)] = row
    return {"tokens": tokens}, np.array(labels)


def pieces(folder: Path) -> Iterator[tuple[int, ...]]:
    """Cut the source files of a package into pieces of 16 to 64 tokens."""
    random = np.random.default_rng(0)
    for path in sorted(folder.rglob("*.py")):
        words = re.findall(r"\w+|[^\w\s]", path.read_text(encoding="utf-8", errors="replace"))
        hashed = [zlib.crc32(word.encode()) % (WORDS - 1) + 1 for word in words]
        start = 0
        while start + TOKENS <= len(hashed):
            size = int(random.integers(16, TOKENS + 1))
            yield tuple(hashed[start : start + size])
            start += size


def divided(inputs: Arrays, labels: np.ndarray) -> dict[str, tuple[Arrays, np.ndarray]]:
    """Divide rows into splits; digits are few, so validation and tuning take at most half of the rows."""
    order = np.random.default_rng(0).permutation(len(labels))
    share = min(1.0, len(labels) / 2 / (SPLITS["tuning"] + SPLITS["validation"]))
    tuning, validation = (int(SPLITS[name] * share) for name in ("tuning", "validation"))
    train = order[tuning + validation :]
    parts = {"tuning": order[:tuning], "validation": order[tuning : tuning + validation], "train": train}
    parts["calibration"] = train[: SPLITS["calibration"]]
    return {
        name: ({key: array[rows] for key, array in inputs.items()}, labels[rows])
        for name, rows in parts.items()
    }


def train(network: nn.Module, inputs: Arrays, labels: np.ndarray, epochs: int) -> None:
    """Train with AdamW and a one-cycle schedule."""
    (array,), target = inputs.values(), torch.tensor(labels)
    data, steps = torch.tensor(array), epochs * (len(labels) // BATCH)
    optimizer = torch.optim.AdamW(network.parameters(), weight_decay=0.01)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 2e-3, steps)
    for _ in range(epochs):
        for rows in torch.randperm(len(labels))[: len(labels) // BATCH * BATCH].split(BATCH):
            optimizer.zero_grad()
            nn.functional.cross_entropy(network(data[rows]), target[rows]).backward()
            optimizer.step()
            schedule.step()


def accuracy(network: nn.Module, inputs: Arrays, labels: np.ndarray) -> float:
    """Return top-1."""
    (array,) = inputs.values()
    with torch.no_grad():
        return float((network(torch.tensor(array)).argmax(1).numpy() == labels).mean())


NETWORKS = {
    "mobile": (Mobile, digits, 8),
    "encoder": (Encoder, texts, 3),
    "lstm": (lambda: Recurrent(nn.LSTM), texts, 3),
    "gru": (lambda: Recurrent(nn.GRU), texts, 3),
}


def write(name: str, folder: Path) -> None:
    """Train, export and write one network."""
    make, data, epochs = NETWORKS[name]
    torch.manual_seed(0)
    splits, network = divided(*data()), make()
    train(network, *splits["train"], epochs)
    network.eval()
    folder.mkdir(parents=True, exist_ok=True)
    for split in SPLITS:
        np.savez_compressed(folder / f"{split}.npz", label=splits[split][1], **splits[split][0])
    (key,) = splits["train"][0]
    rows = torch.tensor(splits["train"][0][key][:2])
    batch = {"dynamic_shapes": ({0: torch.export.Dim("batch")},), "dynamo": True, "external_data": False}
    torch.onnx.export(
        network,
        (rows,),
        folder / "fp32.onnx",
        input_names=[key],
        output_names=["logits"],
        verbose=False,
        **batch,
    )
    (folder / "job.yaml").write_text(JOB.format(name=name))
    print(name, {split: round(accuracy(network, *splits[split]), 4) for split in splits}, file=sys.stderr)


if __name__ == "__main__":
    torch.set_num_threads(1)
    torch.backends.mha.set_fastpath_enabled(False)
    target, *chosen = sys.argv[1:]
    for one in chosen or NETWORKS:
        write(one, Path(target) / one)
