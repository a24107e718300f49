"""All rules, in their order."""

from inc_mlflow.engines.onnxruntime.graph.rewrites.speed.batch_norm import BATCH_NORM
from inc_mlflow.engines.onnxruntime.graph.rewrites.speed.before_layers import BEFORE_LAYERS
from inc_mlflow.engines.onnxruntime.graph.rewrites.speed.behind_layers import BEHIND_LAYERS
from inc_mlflow.engines.onnxruntime.graph.rewrites.speed.behind_pools import BEHIND_POOLS
from inc_mlflow.engines.onnxruntime.graph.rewrites.speed.clip_chains import CLIP_CHAINS
from inc_mlflow.engines.onnxruntime.graph.rewrites.speed.depthwise import DEPTHWISE
from inc_mlflow.engines.onnxruntime.graph.rewrites.speed.gelu import GELU
from inc_mlflow.engines.onnxruntime.graph.rewrites.speed.hard_swish import HARD_SWISH
from inc_mlflow.engines.onnxruntime.graph.rewrites.speed.layer_norm import LAYER_NORM
from inc_mlflow.engines.onnxruntime.graph.rewrites.speed.one_hot import ONE_HOT
from inc_mlflow.engines.onnxruntime.graph.rewrites.speed.slice_of_concat import SLICE_OF_CONCAT
from inc_mlflow.engines.onnxruntime.graph.rewrites.speed.tables import TABLES
from inc_mlflow.engines.onnxruntime.graph.rewrites.speed.two_classes import TWO_CLASSES

_SPELLED_OUT = (ONE_HOT, TABLES, GELU, LAYER_NORM, BATCH_NORM, CLIP_CHAINS, HARD_SWISH)
STAGES = (
    (BEHIND_LAYERS, *_SPELLED_OUT, BEHIND_POOLS, BEFORE_LAYERS, SLICE_OF_CONCAT, TWO_CLASSES),
    (DEPTHWISE,),  # takes what nothing else could
)
SPEED = tuple(rule.name for stage in STAGES for rule in stage)
"""Names of all rules."""
