"""All loaders of files that others make, by name."""

from tests.fuzz.data_files import DATA_FILES
from tests.fuzz.model_files import damaged_model, good_models, read_model
from tests.fuzz.target import Target
from tests.fuzz.text_files import TEXT_FILES

TARGETS = (
    DATA_FILES
    | TEXT_FILES
    | {
        "onnx": Target("model.onnx", good_models, damaged_model, read_model),
    }
)
