"""Metrics: what accuracy can mean. A target is a ``NamedMetric``, whose fields are its options."""

from typing import TYPE_CHECKING

from inc_mlflow.registry.table import Registry, Row

if TYPE_CHECKING:
    from inc_mlflow.metrics.metric import NamedMetric


def _row(place: str, summary: str, extra: str | None = None, needs: tuple[str, ...] = ()) -> Row:
    return Row(f"inc_mlflow.metrics.{place}", summary, extra, needs)


METRICS: "Registry[type[NamedMetric]]" = Registry(
    "metrics",
    {
        "agreement": _row(
            "classification:Agreement", "share of rows where the model chooses the baseline's class"
        ),
        "auroc": _row(
            "scores:Auroc",
            "area under the ROC curve: chance that a row of class 1 scores above one of class 0",
        ),
        "bleu": _row(
            "language:Bleu",
            "n-grams of the translation that stand in its references, 0 to 100",
            extra="language",
            needs=("sacrebleu",),
        ),
        "coco_map": _row("detection:CocoMap", "mean average precision of boxes over IoU 0.5 to 0.95"),
        "coco_map50": _row("detection:CocoMap50", "mean average precision of boxes at IoU 0.5"),
        "coco_mask_map": _row(
            "detection:CocoMaskMap",
            "mean average precision of masks over IoU 0.5 to 0.95",
            extra="detection",
            needs=("pycocotools",),
        ),
        "entity_f1": _row("tokens:EntityF1", "F1 of whole entities in B-, I- and O tags"),
        "f1": _row("classification:F1", "F1 of class 1 for labels 0 and 1, else the mean of all classes"),
        "f1_binary": _row("classification:F1Binary", "F1 of class 1"),
        "f1_macro": _row("classification:F1Macro", "mean of the F1 of all classes"),
        "matthews": _row("classification:Matthews", "Matthews correlation of classes and labels"),
        "miou": _row("segmentation:MeanIoU", "mean over classes of intersection over union"),
        "pearson": _row("scores:Pearson", "Pearson correlation of outputs and labels"),
        "perplexity": _row("tokens:Perplexity", "exponential of the mean negative log likelihood of tokens"),
        "rouge1": _row(
            "language:Rouge1", "F1 of the words of a summary", extra="language", needs=("rouge_score",)
        ),
        "rouge2": _row(
            "language:Rouge2",
            "F1 of the pairs of neighbouring words of a summary",
            extra="language",
            needs=("rouge_score",),
        ),
        "rougeL": _row(
            "language:RougeL",
            "F1 of the longest common subsequence of words of a summary",
            extra="language",
            needs=("rouge_score",),
        ),
        "spearman": _row("scores:Spearman", "Spearman rank correlation of outputs and labels"),
        "squad_em": _row("squad:SquadEm", "share of answers that match exactly (SQuAD v1.1 and v2)"),
        "squad_f1": _row("squad:SquadF1", "F1 of the words of answers (SQuAD v1.1 and v2)"),
        "token_accuracy": _row("tokens:TokenAccuracy", "share of tokens whose best class is the label"),
        "top1": _row("classification:Top1", "share of rows whose best class is the label"),
        "top5": _row("classification:Top5", "share of rows with the label among the best five classes"),
        "verification": _row(
            "verification:VerificationAccuracy",
            "share of pairs told right by the distance of their embeddings",
        ),
        "wer": _row(
            "language:WordErrorRate",
            "words to change, leave out and add, by the words of the references",
            extra="language",
            needs=("jiwer",),
        ),
    },
)
