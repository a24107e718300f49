"""Metrics: what accuracy can mean. A target is a ``NamedMetric``, whose fields are its options."""

from typing import TYPE_CHECKING

from inc_mlflow.registry.table import Entry, Registry

if TYPE_CHECKING:
    from inc_mlflow.metrics.metric import NamedMetric


def _entry(place: str, summary: str, extra: str | None = None, needs: tuple[str, ...] = ()) -> Entry:
    return Entry(f"inc_mlflow.metrics.{place}", summary, extra, needs)


METRICS: "Registry[type[NamedMetric]]" = Registry(
    "metrics",
    {
        "agreement": _entry(
            "classification:Agreement", "share of rows where the model chooses the baseline's class"
        ),
        "auroc": _entry(
            "scores:Auroc",
            "area under the ROC curve: chance that a row of class 1 scores above one of class 0",
        ),
        "bleu": _entry(
            "language:Bleu",
            "n-grams of the translation that stand in its references, 0 to 100",
            extra="language",
            needs=("sacrebleu",),
        ),
        "coco_map": _entry("detection:CocoMap", "mean average precision of boxes over IoU 0.5 to 0.95"),
        "coco_map50": _entry("detection:CocoMap50", "mean average precision of boxes at IoU 0.5"),
        "coco_mask_map": _entry(
            "detection:CocoMaskMap",
            "mean average precision of masks over IoU 0.5 to 0.95",
            extra="detection",
            needs=("pycocotools",),
        ),
        "entity_f1": _entry("tokens:EntityF1", "F1 of whole entities in B-, I- and O tags"),
        "f1": _entry("classification:F1", "F1 of class 1 for labels 0 and 1, else the mean of all classes"),
        "f1_binary": _entry("classification:F1Binary", "F1 of class 1"),
        "f1_macro": _entry("classification:F1Macro", "mean of the F1 of all classes"),
        "matthews": _entry("classification:Matthews", "Matthews correlation of classes and labels"),
        "miou": _entry("segmentation:MeanIoU", "mean over classes of intersection over union"),
        "pearson": _entry("scores:Pearson", "Pearson correlation of outputs and labels"),
        "perplexity": _entry(
            "tokens:Perplexity", "exponential of the mean negative log likelihood of tokens"
        ),
        "rouge1": _entry(
            "language:Rouge1", "F1 of the words of a summary", extra="language", needs=("rouge_score",)
        ),
        "rouge2": _entry(
            "language:Rouge2",
            "F1 of the pairs of neighbouring words of a summary",
            extra="language",
            needs=("rouge_score",),
        ),
        "rougeL": _entry(
            "language:RougeL",
            "F1 of the longest common subsequence of words of a summary",
            extra="language",
            needs=("rouge_score",),
        ),
        "spearman": _entry("scores:Spearman", "Spearman rank correlation of outputs and labels"),
        "squad_em": _entry("squad:SquadEm", "share of answers that match exactly (SQuAD v1.1 and v2)"),
        "squad_f1": _entry("squad:SquadF1", "F1 of the words of answers (SQuAD v1.1 and v2)"),
        "token_accuracy": _entry("tokens:TokenAccuracy", "share of tokens whose best class is the label"),
        "top1": _entry("classification:Top1", "share of rows whose best class is the label"),
        "top5": _entry("classification:Top5", "share of rows with the label among the best five classes"),
        "verification": _entry(
            "verification:VerificationAccuracy",
            "share of pairs told right by the distance of their embeddings",
        ),
        "wer": _entry(
            "language:WordErrorRate",
            "words to change, leave out and add, by the words of the references",
            extra="language",
            needs=("jiwer",),
        ),
    },
)
