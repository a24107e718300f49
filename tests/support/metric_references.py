"""Every metric by the library that defines it."""

import contextlib
import io
import json

import numpy as np
import scipy.special
import sklearn.metrics
from scipy import stats
from sklearn.model_selection import KFold

from tests.support.metric_cases import SIZE, TAGS


def _best(outputs):
    return outputs["logits"].argmax(-1)


def _counted(outputs, labels):
    keep = labels != -100
    return outputs["logits"][keep], labels[keep]


def _bleu(outputs, labels):
    import sacrebleu

    return sacrebleu.corpus_bleu(outputs["text"].tolist(), [labels.tolist()]).score


def _rouge(kind):
    def of(outputs, labels):
        from rouge_score.rouge_scorer import RougeScorer

        scorer = RougeScorer([kind])
        return np.mean(
            [
                scorer.score(right, text)[kind].fmeasure
                for text, right in zip(outputs["text"], labels, strict=True)
            ]
        )

    return of


def _wer(outputs, labels):
    import jiwer

    return jiwer.wer(labels.tolist(), outputs["text"].tolist())


def _entity_f1(outputs, labels):
    from seqeval.metrics import f1_score

    keep = labels != -100
    tags = [
        [[TAGS[one] for one in row[mask]] for row, mask in zip(rows, keep, strict=True)]
        for rows in (labels, _best(outputs))
    ]
    return f1_score(*tags)


def _miou(outputs, labels):
    keep = labels != 255
    return sklearn.metrics.jaccard_score(labels[keep], outputs["logits"].argmax(1)[keep], average="macro")


def _perplexity(outputs, labels):
    logits, labels = _counted(outputs, labels)
    return np.exp(
        -np.mean(scipy.special.log_softmax(logits.astype(float), -1)[np.arange(len(labels)), labels])
    )


def _verification(outputs, labels):
    """The loop that the published figures come from: thresholds in steps of 0.01, the first of the best."""
    unit = outputs["embedding"] / np.linalg.norm(outputs["embedding"], axis=1, keepdims=True)
    distance, same = ((unit[::2] - unit[1::2]) ** 2).sum(1), labels[::2, 1] == 1
    judged = []
    for chosen, held in KFold(10).split(distance):
        shares = [((distance[chosen] < one) == same[chosen]).mean() for one in np.arange(0, 4, 0.01)]
        judged.append(((distance[held] < np.arange(0, 4, 0.01)[np.argmax(shares)]) == same[held]).mean())
    return np.mean(judged)


def coco_eval(outputs, labels, kind="bbox", at=0):
    """One figure of COCOeval, which prints."""
    from pycocotools import mask as codec
    from pycocotools.coco import COCO
    from pycocotools.cocoeval import COCOeval

    def run_lengths(mask):
        return codec.encode(np.asfortranarray((mask > 0.5).astype(np.uint8)))

    def sized(box):
        return [*map(float, box[:2]), *map(float, box[2:4] - box[:2])]

    truths, found = [], []
    for image, label in enumerate(labels):
        if kind == "bbox":
            each = [
                {"category_id": int(one[4]), "bbox": sized(one), "iscrowd": int(one[5])}
                for one in label
                if one[4] >= 0
            ]
        else:
            each = json.loads(str(label))["annotations"]
        truths += [
            one | {"image_id": image, "area": 100.0, "id": len(truths) + at + 1}
            for at, one in enumerate(each)
        ]
        for row in np.flatnonzero(outputs["classes"][image] >= 0):
            place = (
                {"bbox": sized(outputs["boxes"][image, row])}
                if kind == "bbox"
                else {"segmentation": run_lengths(outputs["masks"][image, row])}
            )
            one = {
                "image_id": image,
                "category_id": int(outputs["classes"][image, row]),
                "score": float(outputs["scores"][image, row]),
            }
            found.append(one | place)
    with contextlib.redirect_stdout(io.StringIO()):
        truth = COCO()
        images = [{"id": image, "height": SIZE, "width": SIZE} for image in range(len(labels))]
        truth.dataset = {
            "info": {},
            "images": images,
            "annotations": truths,
            "categories": [{"id": one} for one in range(4)],
        }
        truth.createIndex()
        judge = COCOeval(truth, truth.loadRes(found), kind)
        judge.evaluate()
        judge.accumulate()
        judge.summarize()
    return judge.stats[at]


def _sklearn(name):
    return lambda outputs, labels: getattr(sklearn.metrics, name)(labels, _best(outputs))


def _f1(average):
    return lambda outputs, labels: sklearn.metrics.f1_score(
        labels, _best(outputs), average=average, zero_division=0.0
    )


REFERENCES = {
    "agreement": lambda outputs, labels: 1.0,
    "auroc": lambda outputs, labels: sklearn.metrics.roc_auc_score(labels, outputs["scores"]),
    "bleu": _bleu,
    "coco_map": coco_eval,
    "coco_map50": lambda outputs, labels: coco_eval(outputs, labels, at=1),
    "coco_mask_map": lambda outputs, labels: coco_eval(outputs, labels, "segm"),
    "entity_f1": _entity_f1,
    "f1": _f1("macro"),
    "f1_binary": _f1("binary"),
    "f1_macro": _f1("macro"),
    "matthews": _sklearn("matthews_corrcoef"),
    "miou": _miou,
    "pearson": lambda outputs, labels: stats.pearsonr(outputs["scores"][:, 0], labels).statistic,
    "perplexity": _perplexity,
    "rouge1": _rouge("rouge1"),
    "rouge2": _rouge("rouge2"),
    "rougeL": _rouge("rougeL"),
    "spearman": lambda outputs, labels: stats.spearmanr(outputs["scores"][:, 0], labels).statistic,
    "token_accuracy": lambda outputs, labels: np.mean(
        _counted(outputs, labels)[0].argmax(-1) == _counted(outputs, labels)[1]
    ),
    "top1": _sklearn("accuracy_score"),
    "top5": lambda outputs, labels: sklearn.metrics.top_k_accuracy_score(
        labels, outputs["logits"], k=5, labels=range(6)
    ),
    "verification": _verification,
    "wer": _wer,
}
"""Value by the library that defines the metric; SQuAD has none, see test_squad.py."""
