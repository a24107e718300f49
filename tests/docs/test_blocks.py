"""Every block that a page shows is what its language says: commands exist, jobs are jobs, code parses.

Blocks that run are run elsewhere: the tutorial's in test_tutorial.py, CONTRIBUTING's in test_recipes.py.
"""

import ast
import shlex
import tomllib

import pytest
import typer
import yaml

from inc_mlflow.cli import app
from inc_mlflow.spec import JobSpec
from tests.support.code_blocks import code_blocks
from tests.support.paths import ROOT

BESIDE = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "k8s" / "README.md"]
PAGES = [*BESIDE, *(path for path in sorted((ROOT / "docs").glob("*.md")) if path.name != "reference.md")]
JOB = {
    "version": 1,
    "name": "page",
    "model": "m.onnx",
    "data": {name: {"path": f"{name}.npz"} for name in ("calibration", "tuning", "validation")},
    "metric": "top1",
    "recipes": [{"method": "dynamic"}],
}
"""What a part of a job is put into."""


def of(*languages):
    return [
        pytest.param(block, id=f"{page.relative_to(ROOT)}:{block.line}")
        for page in PAGES
        for block in code_blocks(page)
        if block.language in languages
    ]


def words_of_the_program(line):
    """The arguments of the program in a line of a shell; None where it runs another."""
    words = shlex.split(line, comments=True)
    while words and ("=" in words[0] or words[0] == "$"):
        words = words[1:]
    return words[1:] if words and words[0].endswith("inc-mlflow") else None


def parse(words):
    command, name = typer.main.get_command(app), "inc-mlflow"
    while words and words[0] in getattr(command, "commands", {}):
        name, words = words[0], words[1:]
        command = command.commands[name]
    command.make_context(name, list(words))


@pytest.mark.parametrize("block", of("sh", "console"))
def test_commands_have_the_arguments_that_the_program_takes(block):
    for line in block.commands():
        words = words_of_the_program(line)
        if words is not None:
            parse(words)


def test_a_command_with_an_option_that_is_not_there_is_found():
    with pytest.raises(Exception, match="No such option"):
        parse(["run", "job.yaml", "--fersh"])


@pytest.mark.parametrize("block", of("yaml"))
def test_a_job_or_a_part_of_one_is_taken(block):
    """What has fields of others, as a policy or an object of Kubernetes, is at least YAML."""
    for given in yaml.safe_load_all(block.text):
        if {"version", "name", "model"} <= given.keys():
            JobSpec.from_text(block.text)
        elif given.keys() <= JobSpec.model_fields.keys() - {"version", "recipes", "training", "placement"}:
            given = {key: value for key, value in given.items() if key != "data"}
            whole = {key: value for key, value in JOB.items() if key != "metric" or "metrics" not in given}
            JobSpec._from_mapping(whole | given)


@pytest.mark.parametrize("block", of("python"))
def test_code_is_python(block):
    ast.parse(block.text)


@pytest.mark.parametrize("block", of("toml"))
def test_entry_points_are_toml(block):
    assert tomllib.loads(block.text)


@pytest.mark.parametrize("page", PAGES, ids=lambda path: path.name)
def test_no_block_is_left_out(page):
    """Blocks without a language, or of plain text, show what a program says: nothing that one could type."""
    known = {"sh", "console", "yaml", "python", "toml", "diff", "json", "ini", "text", ""}
    for block in code_blocks(page):
        assert block.language in known, f"line {block.line}"
        if block.language in {"text", ""}:
            typed = [line for line in block.text.splitlines() if line.startswith(("inc-mlflow ", "$ "))]
            assert typed == [], f"line {block.line}: call it sh or console"
