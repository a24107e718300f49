"""Sums of pairs as kernels without VNNI make them, and graphs that ONNX Runtime runs."""

import numpy as np
import onnxruntime


def brute_force(activations, weights):
    """Add pairs one by one as the kernel does: (saturated sums, saturating pairs, pairs that could for some
    activations)."""
    sums = np.zeros((len(activations), weights.shape[1]), int)
    saturating, risky = 0, 0
    for column in range(weights.shape[1]):
        for start in range(0, len(weights), 2):
            pair = [int(value) for value in weights[start : start + 2, column]]
            corners = [sum(255 * value for value in pair if value * sign > 0) for sign in (1, -1)]
            risky += corners[0] > 32767 or corners[1] < -32768
            for row in range(len(activations)):
                exact = sum(
                    int(a) * w for a, w in zip(activations[row, start : start + 2], pair, strict=True)
                )
                sums[row, column] += min(max(exact, -32768), 32767)
                saturating += not -32768 <= exact <= 32767
    return sums, saturating, risky


def run(graph, values):
    session = onnxruntime.InferenceSession(graph.SerializeToString(), providers=["CPUExecutionProvider"])
    return session.run(None, {"x": values})[0]
