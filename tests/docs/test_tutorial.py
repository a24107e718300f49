"""The tutorial is typed literally, in a fresh folder: with this tree in CI, and from an empty environment."""

import os
import re
import signal
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest

from tests.docs.test_wheel import build
from tests.support.brief_benchmarks import brief
from tests.support.code_blocks import code_blocks
from tests.support.paths import ROOT

PAGE = ROOT / "docs" / "tutorial.md"
INSTALLATION, SERVER = "$INC_MLFLOW", "inc-mlflow ui"


def clean():
    """The environment of a reader: none of these tests' variables."""
    return {
        key: value for key, value in os.environ.items() if not key.startswith(("MLFLOW_", "INC_", "PYTHON"))
    }


def files():
    """The files that the page tells the reader to save, by name."""
    saved = re.findall(r"Save this as `([^`]+)`:\n\n```\w+\n(.*?)```", PAGE.read_text(), re.DOTALL)
    return dict(saved)


def typed(folder, text, environment):
    """Type lines into a shell; return all that it says."""
    command = ["bash", "-euo", "pipefail", "-c", text]
    ran = subprocess.run(
        command,
        cwd=folder,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, f"{text}\n{ran.stdout[-3000:]}"
    return ran.stdout


def served(folder, text, environment):
    """Type a command that serves a page; return the page."""
    with subprocess.Popen(["bash", "-c", f"exec {text}"], cwd=folder, env=environment) as server:
        try:
            for _ in range(120):
                time.sleep(0.5)
                try:
                    with urllib.request.urlopen("http://127.0.0.1:5000/") as page:
                        return page.read().decode()
                except OSError:
                    continue
        finally:
            server.send_signal(signal.SIGINT)
    raise AssertionError("the page is not served")


def sequence():
    """The blocks that a reader types, in order."""
    return [block.text for block in code_blocks(PAGE) if block.language == "sh"]


def test_every_block_is_saved_typed_or_shown():
    kinds = [block.language for block in code_blocks(PAGE)]
    assert len(files()) == kinds.count("python") + kinds.count("yaml")
    assert set(kinds) == {"python", "yaml", "sh", "console"}
    assert kinds.count("console") == 1


@pytest.mark.slow
def test_a_reader_reaches_a_champion_and_takes_it_back(tmp_path):
    """All but the installation and the server, whose page is on one port for all."""
    for name, text in files().items():
        (tmp_path / name).write_text(text)
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    environment = clean() | {"PATH": path} | brief(ROOT)
    said = "".join(
        typed(tmp_path, text, environment)
        for text in sequence()
        if INSTALLATION not in text and "INC_MLFLOW" not in text and SERVER not in text
    )
    check(tmp_path, said)


def check(folder, said):
    """The reader has what the page promises."""
    assert "Champion: my-digits version 1, alias int8-champion" in said
    assert (folder / "report" / "report.html").is_file()
    assert re.search(r"it says \[[\d ]+\] and right is \[[\d ]+\]", said)
    assert "int8-champion: version 1\n" not in said.split("trying it out")[-1]
    assert "int8-champion: nothing" in said


@pytest.mark.long
def test_from_an_empty_environment_with_the_wheel(tmp_path):
    """Literally all of it; says how long it took and how many commands were typed."""
    wheel = build(tmp_path)
    home = tmp_path / "home"
    home.mkdir()
    work = home / "my-digits"
    environment = clean() | {"HOME": str(home), "INC_MLFLOW": str(wheel)}
    environment |= {
        "PIP_CONSTRAINT": str(ROOT / "constraints.txt"),
        "PATH": f"{base_python()}:{os.environ['PATH']}",
    }
    began, count, said = time.monotonic(), 0, ""
    for text in sequence():
        if text.startswith("export INC_MLFLOW"):
            continue  # the wheel stands for the repository's folder
        count += len(text.strip().splitlines())
        if SERVER in text:
            assert "mlflow" in served(work, text.strip(), activated(environment, work)).lower()
            continue
        folder = work if work.exists() else home
        said += typed(folder, text, activated(environment, work) if work.exists() else environment)
        for name, content in files().items():
            (work / name).write_text(content)
    print(f"{count} commands, {(time.monotonic() - began) / 60:.1f} minutes")
    check(work, said)


def base_python():
    """The folder of the Python that this environment was made of."""
    return Path(sys.base_prefix) / "bin"


def activated(environment, work):
    """The environment after `. .venv/bin/activate`, as the shell that types one block after the other has it."""
    path = f"{work / '.venv' / 'bin'}:{environment['PATH']}"
    return environment | {"PATH": path, "VIRTUAL_ENV": str(work / ".venv")}
