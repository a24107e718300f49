"""From outputs of a graph to what a metric reads.

This table is what ``inc-mlflow list postprocess`` prints.
"""

from inc_mlflow.metrics.postprocess.postprocess import Postprocess
from inc_mlflow.registry import Registry

POSTPROCESS: Registry[type[Postprocess]] = Registry(
    "postprocess",
    {
        "argmax": "inc_mlflow.metrics.postprocess.classes:Argmax",
        "ctc": "inc_mlflow.metrics.postprocess.text:Ctc",
        "decode": "inc_mlflow.metrics.postprocess.text:Decode",
        "duc": "inc_mlflow.metrics.postprocess.masks:Duc",
        "mask_rcnn": "inc_mlflow.metrics.postprocess.masks:MaskRcnn",
        "nms": "inc_mlflow.metrics.postprocess.detection:Nms",
        "squad_span": "inc_mlflow.metrics.postprocess.span:SquadSpan",
        "ssd": "inc_mlflow.metrics.postprocess.detection:Ssd",
        "yolo": "inc_mlflow.metrics.postprocess.detection:Yolo",
    },
)
