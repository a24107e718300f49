"""What `list` shows."""

from inc_mlflow.registry.sources import SOURCES
from inc_mlflow.reports.choices import choices


def test_sources_are_what_engines_take_as_it_is_and_what_frameworks_have():
    found = choices("sources")
    assert found.keys() == {"onnx", *SOURCES}
    assert ".onnx" in found["onnx"]
