"""What the documentation says is what the program does."""

import json
import re
import subprocess
import sys
from importlib.util import find_spec

import numpy as np
import pytest
import yaml

from inc_mlflow.cli import app
from inc_mlflow.spec import Job, JobSpec
from tests.support.paths import ROOT

PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]


def test_the_schema_of_the_examples_is_the_programs():
    assert json.loads((ROOT / "examples" / "job.schema.json").read_text()) == JobSpec.model_json_schema()


@pytest.mark.parametrize("name", ["fields", "metrics", "reference", "support", "tasks"])
def test_a_page_that_is_generated_is_current(name):
    made = subprocess.run(
        [sys.executable, ROOT / "docs" / f"{name}.py"], capture_output=True, text=True, check=True
    ).stdout
    assert (ROOT / "docs" / f"{name}.md").read_text() == made, "run `make docs`"


@pytest.mark.parametrize("page", PAGES, ids=lambda path: path.name)
def test_commands_and_targets_that_a_page_names_exist(page):
    text = page.read_text()
    commands = {command.name or command.callback.__name__ for command in app.registered_commands}
    commands |= {group.name for group in app.registered_groups}
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert set(re.findall(r"inc-mlflow ([a-z]+)\b", text)) <= commands
    assert set(re.findall(r"`?make ([a-z-]+)`", text)) <= targets


@pytest.mark.parametrize("page", PAGES, ids=lambda path: path.name)
def test_files_that_a_page_links_to_exist(page):
    links = re.findall(r"\]\((?!http)([^)#]+)\)", page.read_text())
    assert [link for link in links if not (page.parent / link).exists()] == []


def test_the_job_of_the_readme_is_a_job():
    (block,) = re.findall(r"```yaml\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
    assert JobSpec.from_text(block).name == "sst2-minilm"


@pytest.mark.parametrize(
    "path", sorted((ROOT / "examples").glob("*/job.yaml")), ids=lambda path: path.parent.name
)
def test_every_example_names_the_schema_and_files_that_are_there(path):
    job = Job.load(path)
    schema = re.match(r"# yaml-language-server: \$schema=(\S+)", path.read_text())
    assert schema
    assert (path.parent / schema[1]).exists()
    assert job.model.exists()


def test_every_place_in_contributing_exists():
    page = (ROOT / "CONTRIBUTING.md").read_text()
    places = re.findall(r"`((?:inc_mlflow|components|pipelines|tests)/[\w/.]*)`", page)
    assert len(places) > 30
    assert [place for place in places if not (ROOT / place).exists()] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda path: path.name)
def test_a_script_that_a_page_names_by_its_path_runs_by_its_path(page):
    """What imports from ``tests`` runs as a module: Python looks beside a script, not in this folder."""
    named = [ROOT / path for path in re.findall(r"tests/benchmarks/\w+\.py", page.read_text())]
    as_modules = [path.name for path in named if re.search(r"^from tests\.", path.read_text(), re.MULTILINE)]
    assert as_modules == [], "write: python -m tests.benchmarks.NAME"
    modules = re.findall(r"-m (tests\.[\w.]+)", page.read_text())
    assert [name for name in modules if find_spec(name) is None] == []


@pytest.mark.parametrize("page", ["qat", "pruning", "distillation"])
def test_the_recipes_of_a_page_about_training_are_those_of_a_job(page):
    blocks = re.findall(r"```yaml\n(.*?)```", (ROOT / "docs" / f"{page}.md").read_text(), re.DOTALL)
    assert blocks
    whole = yaml.safe_load(blocks[0])  # those behind it are what they change in it
    for block in blocks:
        job = whole | yaml.safe_load(block)
        spec = JobSpec._from_mapping({"version": 1, "name": page, "model": "m.onnx", "metric": "top1"} | job)
        assert len(spec.listed) == len(job["recipes"])
        assert any(recipe.trains for recipe in spec.listed)


def test_the_job_of_several_graphs_is_a_job_and_its_function_runs():
    page = (ROOT / "docs" / "parts.md").read_text()
    job, recipes = re.findall(r"```yaml\n(.*?)```", page, re.DOTALL)
    assert JobSpec.from_text(job).model.outputs == ("phonemes",)
    listed = JobSpec.from_text(job.replace("recipes: auto\n", recipes)).listed
    assert [sorted(recipe.parts) for recipe in listed] == [
        ["decoder", "encoder"],
        ["decoder"],
        ["decoder", "encoder"],
    ]
    code = next(one for one in re.findall(r"```python\n(.*?)```", page, re.DOTALL) if "run.py" in one)
    space = {}
    exec(code, space)
    said = iter([5, 7, 3])
    parts = {
        "encoder": lambda given: {"state": given["letters"].sum()},
        "decoder": lambda _: {"logits": np.eye(9)[[next(said)]], "next": None},
    }
    found = space["pronounce"](parts, {"letters": np.array([[5, 3, 2, 0]])})["phonemes"]
    assert found[0, :3].tolist() == [5, 7, 0]
