"""An LSTM that classifies sentences, and its training: python lstm.py train.npz weights.safetensors.

The rows hold ``input_ids`` and ``attention_mask`` (n, length), int64 below 30522, and ``label`` (n,), 0 or 1.
"""

import sys

import numpy as np
import torch
from safetensors.torch import save_file
from torch import nn


class Classifier(nn.Module):
    """Two directions over embedded tokens, their mean over the tokens that are no padding, two classes."""

    def __init__(self) -> None:
        super().__init__()
        self.embedding = nn.Embedding(30522, 64)
        self.lstm = nn.LSTM(64, 96, batch_first=True, bidirectional=True)
        self.head = nn.Linear(192, 2)

    def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> dict[str, torch.Tensor]:
        """Return the logits, (n, 2)."""
        states, _ = self.lstm(self.embedding(input_ids))
        seen = attention_mask.to(torch.float32)[:, :, None]
        return {"logits": self.head((states * seen).sum(1) / seen.sum(1))}


def build() -> tuple[nn.Module, list[tuple[torch.Tensor, torch.Tensor]]]:
    """Return the module, and examples of two lengths: the length is free."""
    tokens = [torch.ones(1, length, dtype=torch.int64) for length in (32, 64)]
    return Classifier(), [(one, one) for one in tokens]


def train(rows: str, target: str) -> None:
    """Train on all rows of an .npz and save the weights."""
    torch.manual_seed(0)
    module, _ = build()
    data = np.load(rows)
    ids, mask, label = (torch.from_numpy(data[name]) for name in ("input_ids", "attention_mask", "label"))
    optimizer = torch.optim.Adam(module.parameters(), 3e-3)
    for _ in range(4):
        for batch in torch.randperm(len(ids)).split(50):
            optimizer.zero_grad()
            loss = nn.functional.cross_entropy(module(ids[batch], mask[batch])["logits"], label[batch])
            loss.backward()
            optimizer.step()
    save_file(module.state_dict(), target)


if __name__ == "__main__":
    train(*sys.argv[1:])
