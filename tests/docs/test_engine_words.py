"""No word of ONNX Runtime's stands outside its engine: a second engine would have to be told apart there."""

import ast
import re

import onnx
import pytest

from tests.support.paths import ROOT

ENGINE = (
    "inc_mlflow/engines/onnxruntime/",
    "inc_mlflow/engines/openvino/explain.py",
    "inc_mlflow/sources/onnx/",
    "inc_mlflow/sources/tensorflow/",
    "inc_mlflow/training/operators/",
)
"""ONNX Runtime's own room, and those of others whose operators have the same names."""
WORDS = re.compile(
    r"QUInt8|QInt8|QDQ|QOperator|op_types_to_quantize|nodes_to_exclude|quant_format|calibrate_method"
    r"|reduce_range|smooth_quant|\w+ExecutionProvider|model\.onnx|onnxruntime"
)
PLAIN = {"Adam", "Equal", "If", "Optional", "Round", "Size", "Split"}
"""Operators whose names are words of Kubernetes, pipelines and S3, of torch, of Python's typing, and ours."""
OPERATORS = {schema.name for schema in onnx.defs.get_all_schemas()} - PLAIN
ALLOWED = {
    "inc_mlflow/registry/engines.py": {"onnxruntime"},  # the row of the table, and the default engine's name
    "inc_mlflow/registry/methods.py": {"onnxruntime"},  # the rows of its methods
    "inc_mlflow/spec/placement.py": {"onnxruntime"},  # the default image
    "inc_mlflow/tracking/flavors/onnx.py": {"onnxruntime"},  # the flavour that logs its models
    "inc_mlflow/tracking/flavors/onnx_package.py": {"onnxruntime"},
    "inc_mlflow/tracking/flavors/mlflow_session.py": {"onnxruntime"},
}


def files():
    for folder in ("inc_mlflow", "components", "pipelines"):
        for path in sorted((ROOT / folder).rglob("*.py")):
            name = str(path.relative_to(ROOT))
            linked = name.startswith(("inc_mlflow/components/", "inc_mlflow/pipelines/"))
            if not linked and not name.startswith(ENGINE):
                yield name, path.read_text()


def texts(tree):
    """Every identifier, imported name and string constant with its line; docstrings are strings too."""
    for node in ast.walk(tree):
        line = getattr(node, "lineno", 0)
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield line, node.value
        if isinstance(node, ast.Name):
            yield line, node.id
        if isinstance(node, ast.Attribute):
            yield line, node.attr
        if isinstance(node, ast.arg | ast.keyword):
            yield line, node.arg or ""
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield line, node.name
        if isinstance(node, ast.ImportFrom):
            yield line, node.module or ""
        if isinstance(node, ast.Import | ast.ImportFrom):
            yield from ((line, alias.name) for alias in node.names)


def words(source):
    """The words of ONNX Runtime's in a module, with their lines."""
    for line, text in texts(ast.parse(source)):
        yield from ((line, word) for word in WORDS.findall(text))
        if text in OPERATORS:
            yield line, text


def test_no_word_of_onnx_runtime_stands_outside_its_engine():
    found = [
        f"{name}:{line} {word}"
        for name, source in files()
        for line, word in words(source)
        if word not in ALLOWED.get(name, set())
    ]
    assert found == []


def test_what_is_allowed_is_there():
    there = {name: {word for _, word in words(source)} for name, source in files() if name in ALLOWED}
    assert {name: there[name] & allowed for name, allowed in ALLOWED.items()} == ALLOWED


@pytest.mark.parametrize(
    "line",
    [
        'KIND = "QDQ"',
        "recipe.op_types_to_quantize",
        'if node.op_type == "MatMul": pass',
        "import onnxruntime",
        'path = folder / "model.onnx"',
        'def f(provider="CUDAExecutionProvider"): pass',
    ],
)
def test_a_word_is_found_wherever_it_stands(line):
    assert list(words(line))
