"""The documentation as pages: it is built without a warning, and reads nothing from elsewhere."""

import os
import re
import shutil
import subprocess
import sys

import pytest

from docs.pages import BESIDE, with_links
from tests.support.paths import ROOT

SOURCE = re.sub(
    r'"\s*\n\s*f?"', "", "".join(p.read_text() for p in sorted((ROOT / "inc_mlflow").rglob("*.py")))
)
"""The program's code, with texts that go on over several lines in one."""


def build(config, target):
    """Build the site; return the process."""
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "-f", config, "-d", target]
    environment = os.environ | {"NO_MKDOCS_2_WARNING": "1"}
    return subprocess.run(command, capture_output=True, text=True, check=False, env=environment)


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    folder = tmp_path_factory.mktemp("site")
    built = build(ROOT / "mkdocs.yml", folder)
    assert (built.returncode, built.stdout) == (0, ""), built.stderr
    return folder


def test_every_page_is_built(site):
    pages = {path.with_suffix(".html").name for path in (ROOT / "docs").glob("*.md")}
    pages |= {name.replace(".md", ".html") for name in BESIDE.values()}
    assert pages <= {path.name for path in site.glob("*.html")}
    assert not list(site.rglob("*.py"))


def test_a_page_loads_nothing_from_another_host(site):
    for page in site.rglob("*.html"):
        text = page.read_text(encoding="utf-8")
        loaded = re.findall(r"<(?:script|img|iframe|source)[^>]*\ssrc=\"?(https?:[^\s\">]+)", text)
        loaded += re.findall(
            r"<link[^>]*rel=\"?(?:stylesheet|preload|preconnect)[^>]*href=\"?(https?:[^\s\">]+)", text
        )
        assert loaded == [], page.name


def test_a_link_that_leads_nowhere_is_an_error(tmp_path):
    for name in ("mkdocs.yml", "README.md", "CONTRIBUTING.md"):
        shutil.copy(ROOT / name, tmp_path / name)
    (tmp_path / "k8s").mkdir()
    shutil.copy(ROOT / "k8s" / "README.md", tmp_path / "k8s" / "README.md")
    shutil.copytree(ROOT / "docs", tmp_path / "docs")
    with (tmp_path / "docs" / "gate.md").open("a") as page:
        page.write("\n[lost](job.md#no-such-place)\n")
    built = build(tmp_path / "mkdocs.yml", tmp_path / "site")
    assert built.returncode == 1
    assert "no-such-place" in built.stderr


@pytest.mark.parametrize(
    ("text", "source", "expected"),
    [
        ("[a](docs/gate.md#limits)", "README.md", "[a](gate.md#limits)"),
        ("![a](docs/pictures/report.png)", "README.md", "![a](pictures/report.png)"),
        ("[a](../CONTRIBUTING.md#add-a-metric)", "docs/job.md", "[a](contributing.md#add-a-metric)"),
        ("[a](../docs/pools.md)", "k8s/README.md", "[a](pools.md)"),
        ("[train.py](../examples/digits/train.py)", "docs/sources.md", "train.py"),
        ("```python\nf[0](x)\n```", "docs/job.md", "```python\nf[0](x)\n```"),
        ("[a](#below) [b](https://example.org/x)", "docs/job.md", "[a](#below) [b](https://example.org/x)"),
    ],
)
def test_links_lead_to_pages_and_code_is_no_page(text, source, expected):
    assert with_links(text, source) == expected


def test_messages_of_troubleshooting_are_those_of_the_program():
    page = (ROOT / "docs" / "troubleshooting.md").read_text()
    (table,) = re.findall(r"## Messages\n(.*?)\n## ", page, re.DOTALL)
    messages = re.findall(r"^\| `([^`]+)`", table, re.MULTILINE)
    assert len(messages) > 10
    for message in messages:
        for part in re.split(r"\s*…\s*", message):
            assert part in SOURCE, message
