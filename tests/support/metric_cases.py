"""Outputs and labels for every metric of the table, better or worse as asked."""

import json

import numpy as np

from inc_mlflow.registry.metrics import METRICS

WORDS = [
    "the",
    "cat",
    "sat",
    "on",
    "a",
    "mat",
    "while",
    "dogs",
    "ran",
    "over",
    "seven",
    "green",
    "hills",
    "and",
    "rivers",
]
TAGS = ["O", "B-PER", "I-PER", "B-LOC", "I-LOC"]
OPTIONS = {"entity_f1": {"tags": TAGS}}
SIZE = 24
"""Pixels of a mask's side."""


def make(name):
    return METRICS.get(name).model_validate(OPTIONS.get(name, {}))


def value(name, outputs, labels):
    """The metric of all rows at once; against themselves where it needs a baseline."""
    metric = make(name)
    kept = metric.statistics(outputs, labels)
    if not metric.decomposable:
        kept = metric.group(kept)
    return float(np.mean(metric.score(kept, kept)))


def take(outputs, labels, rows):
    return {role: array[rows] for role, array in outputs.items()}, labels[rows]


def case(name, rows, seed, right):
    """Outputs and labels of ``rows`` rows; about ``right`` of the answers are right."""
    return FAMILIES[name](np.random.default_rng(seed), rows, right)


def _logits(random, labels, classes, right):
    """Logits whose best class is the label as often as asked; labels that do not count have any."""
    wrong = (labels + random.integers(1, classes, labels.shape)) % classes
    best = np.where(random.random(labels.shape) < right, labels, wrong) % classes
    return (random.random((*labels.shape, classes)) + 3 * np.eye(classes)[best]).astype(np.float32)


def _classes(random, rows, right, classes=6):
    labels = random.permutation(np.arange(rows) % classes)
    return {"logits": _logits(random, labels, classes, right)}, labels


def _two(random, rows, right):
    return _classes(random, rows, right, classes=2)


def _numbers(random, rows, right):
    labels = random.permutation(rows) / 7
    return {"scores": (labels + (1 - right) * random.normal(size=rows) * rows / 7)[:, None]}, labels


def _ranked(random, rows, right):
    labels = random.permutation(np.arange(rows) % 2)
    return {"scores": labels + (1 - right) * random.normal(size=rows) * 2}, labels


def _sentence(random):
    return " ".join(random.choice(WORDS, random.integers(6, 12)))


def _spoilt(random, text, right):
    return " ".join(word if random.random() < right else random.choice(WORDS) for word in text.split())


def _texts(random, rows, right):
    labels = np.array([_sentence(random) for _ in range(rows)])
    return {"text": np.array([_spoilt(random, text, right) for text in labels])}, labels


def _answers(random, rows, right):
    outputs, labels = _texts(random, rows, right)
    return outputs, np.array([json.dumps({"answers": [text, "something else entirely"]}) for text in labels])


def _tokens(random, rows, right):
    labels = random.choice([0, 0, 1, 2, 2, 3, 4], (rows, 12))
    labels[:, 10:] = -100
    labels[:, 0] = 1
    return {"logits": 4 * _logits(random, labels, len(TAGS), right)}, labels


def _pixels(random, rows, right):
    labels = random.integers(0, 4, (rows, 8, 8))
    logits = np.moveaxis(_logits(random, labels, 4, right), -1, 1)
    labels[:, :2] = 255
    return {"logits": logits}, labels


def _pairs(random, rows, right):
    """Two neighbours are a pair: of the same person, or of another."""
    pair, same = np.arange(rows) // 2, (np.arange(rows) // 2) % 2
    first = random.normal(size=(rows // 2, 8))
    second = np.where(same[::2, None] == 1, first, -first)
    lost = random.random(rows // 2) >= right
    second[lost] = random.normal(size=(lost.sum(), 8))
    return {"embedding": np.stack([first, second], 1).reshape(rows, 8)}, np.stack([pair, same], 1)


def _truth(random):
    corner = random.integers(0, SIZE // 2, (5, 2))
    return np.concatenate([corner, corner + random.integers(3, SIZE // 2, (5, 2))], axis=1)


def _objects(random, rows, right):
    """In each image five objects of three classes, the last a crowd, five boxes around them and eight
    elsewhere."""
    labels, boxes, scores, classes = (
        np.full((rows, 6, 6), -1.0),
        np.zeros((rows, 13, 4)),
        np.zeros((rows, 13)),
        np.full((rows, 13), -1),
    )
    for row in range(rows):
        truth, kinds = _truth(random), random.integers(0, 3, 5)
        labels[row, :5] = np.concatenate([truth, kinds[:, None], [[0], [0], [0], [0], [1]]], axis=1)
        boxes[row, :5] = truth + (random.random((5, 4)) * 2 - 1) * (random.random((5, 1)) >= right)
        scores[row], classes[row, :5] = random.random(13), kinds
        if right < 1:
            boxes[row, 5:], classes[row, 5:] = (
                np.concatenate([_truth(random), _truth(random)])[:8],
                random.integers(0, 4, 8),
            )
    return {"boxes": boxes, "scores": scores, "classes": classes}, labels


def filled(box):
    mask = np.zeros((SIZE, SIZE), np.uint8)
    x1, y1, x2, y2 = np.rint(np.clip(box, 0, SIZE)).astype(int)
    mask[y1:y2, x1:x2] = 1
    return mask


def _masks(random, rows, right):
    from pycocotools import mask as codec

    outputs, boxes = _objects(random, rows, right)
    labels = []
    for objects in boxes:
        found = [(codec.encode(np.asfortranarray(filled(one[:4]))), one) for one in objects if one[4] >= 0]
        annotations = [
            {
                "category_id": int(one[4]),
                "segmentation": {"size": rle["size"], "counts": rle["counts"].decode()},
                "iscrowd": int(one[5]),
            }
            for rle, one in found
        ]
        labels.append(json.dumps({"height": SIZE, "width": SIZE, "annotations": annotations}))
    masks = np.array([[filled(box) for box in row] for row in outputs.pop("boxes")], np.float32)
    return {"masks": masks} | outputs, np.array(labels)


FAMILIES = {
    "agreement": _classes,
    "auroc": _ranked,
    "bleu": _texts,
    "coco_map": _objects,
    "coco_map50": _objects,
    "coco_mask_map": _masks,
    "entity_f1": _tokens,
    "f1": _classes,
    "f1_binary": _two,
    "f1_macro": _classes,
    "matthews": _classes,
    "miou": _pixels,
    "pearson": _numbers,
    "perplexity": _tokens,
    "rouge1": _texts,
    "rouge2": _texts,
    "rougeL": _texts,
    "spearman": _numbers,
    "squad_em": _answers,
    "squad_f1": _answers,
    "token_accuracy": _tokens,
    "top1": _classes,
    "top5": _classes,
    "verification": _pairs,
    "wer": _texts,
}
