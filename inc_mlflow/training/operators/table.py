"""All operators by name."""

from inc_mlflow.training.operators.call import Operator
from inc_mlflow.training.operators.elementwise import ELEMENTWISE
from inc_mlflow.training.operators.places import PLACES
from inc_mlflow.training.operators.recurrent import RECURRENT
from inc_mlflow.training.operators.resize import RESIZE
from inc_mlflow.training.operators.sums import SUMS
from inc_mlflow.training.operators.windows import WINDOWS

OPERATORS: dict[str, Operator] = {**ELEMENTWISE, **PLACES, **RECURRENT, **RESIZE, **SUMS, **WINDOWS}
"""Name -> operator; those of other domains would be named with their domain before a dot."""
CLASSES, LOGARITHMS, BINARY = "Softmax", "LogSoftmax", "Sigmoid"
"""Operators that make probabilities: of classes, their logarithms, and of each value by itself."""
SAME_PLACES = frozenset({"Flatten", "Identity", "Reshape", "Squeeze", "Unsqueeze"})
"""Operators behind which values are the same ones."""
