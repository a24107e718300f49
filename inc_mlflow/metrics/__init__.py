"""What accuracy can mean. This table is what ``inc-mlflow list metrics`` prints."""

from inc_mlflow.metrics.metric import NamedMetric
from inc_mlflow.registry import Registry

METRICS: Registry[type[NamedMetric]] = Registry(
    "metrics",
    {
        "agreement": "inc_mlflow.metrics.classification:Agreement",
        "auroc": "inc_mlflow.metrics.scores:Auroc",
        "bleu": "inc_mlflow.metrics.language:Bleu",
        "coco_map": "inc_mlflow.metrics.detection:CocoMap",
        "coco_map50": "inc_mlflow.metrics.detection:CocoMap50",
        "coco_mask_map": "inc_mlflow.metrics.detection:CocoMaskMap",
        "entity_f1": "inc_mlflow.metrics.tokens:EntityF1",
        "f1": "inc_mlflow.metrics.classification:F1",
        "f1_binary": "inc_mlflow.metrics.classification:F1Binary",
        "f1_macro": "inc_mlflow.metrics.classification:F1Macro",
        "matthews": "inc_mlflow.metrics.classification:Matthews",
        "miou": "inc_mlflow.metrics.segmentation:MeanIoU",
        "pearson": "inc_mlflow.metrics.scores:Pearson",
        "perplexity": "inc_mlflow.metrics.tokens:Perplexity",
        "rouge1": "inc_mlflow.metrics.language:Rouge1",
        "rouge2": "inc_mlflow.metrics.language:Rouge2",
        "rougeL": "inc_mlflow.metrics.language:RougeL",
        "spearman": "inc_mlflow.metrics.scores:Spearman",
        "squad_em": "inc_mlflow.metrics.squad:SquadEm",
        "squad_f1": "inc_mlflow.metrics.squad:SquadF1",
        "token_accuracy": "inc_mlflow.metrics.tokens:TokenAccuracy",
        "top1": "inc_mlflow.metrics.classification:Top1",
        "top5": "inc_mlflow.metrics.classification:Top5",
        "verification": "inc_mlflow.metrics.verification:VerificationAccuracy",
        "wer": "inc_mlflow.metrics.language:WordErrorRate",
    },
)
