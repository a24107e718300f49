"""The onnxruntime image: not root, pinned, labelled, without compiler or installer, at ease with a read-only
root."""

import json
import re

import pytest

from tests.containers.docker_images import docker
from tests.support.paths import ROOT

pytestmark = pytest.mark.slow
CLOSED = (
    "run",
    "--rm",
    "--network=none",
    "--read-only",
    "--tmpfs=/tmp",
    "--cap-drop=ALL",
    "--security-opt=no-new-privileges",
)
INSTALLED = "import importlib.metadata as m; print(*(d.name + '==' + d.version for d in m.distributions()), sep='\\n')"


def run(image, *command, user=None):
    return docker(*CLOSED, *([f"--user={user}"] if user else []), image, *command).stdout


@pytest.fixture(scope="module")
def config(onnxruntime_image):
    return json.loads(docker("image", "inspect", onnxruntime_image).stdout)[0]["Config"]


def test_its_user_is_a_number_and_not_root(onnxruntime_image, config):
    assert config["User"] == "10001:10001"
    assert run(onnxruntime_image, "id", "-u").strip() == "10001"


def test_the_pipeline_gives_the_command(config):
    assert not config["Entrypoint"]
    assert config["Labels"]["org.opencontainers.image.licenses"] == "Apache-2.0"
    assert {
        f"org.opencontainers.image.{key}" for key in ("source", "version", "revision", "title")
    } <= config["Labels"].keys()


def test_it_holds_what_is_pinned_and_nothing_else(onnxruntime_image):
    def canonical(line):
        name, _, version = line.partition("==")
        return f"{re.sub('[-_.]+', '-', name).lower()}=={version}"

    constraints = {canonical(line) for line in (ROOT / "constraints.txt").read_text().split()}
    installed = {canonical(line) for line in run(onnxruntime_image, "python", "-c", INSTALLED).split()}
    assert len(installed) > 50
    assert {line for line in installed - constraints if not line.startswith("inc-mlflow==")} == set()


@pytest.mark.parametrize("tool", ["pip", "pip3", "gcc", "cc", "git", "curl"])
def test_it_has_no_tool_to_make_or_fetch_code(onnxruntime_image, tool):
    assert docker(*CLOSED, onnxruntime_image, "sh", "-c", f"command -v {tool}", check=False).returncode != 0
    assert docker(*CLOSED, onnxruntime_image, "python", "-m", tool, check=False).returncode != 0


@pytest.mark.parametrize("user", [None, "1000680000:0"])
def test_it_works_for_any_user_with_a_read_only_root(onnxruntime_image, user):
    code = "import getpass, kfp, mlflow, matplotlib.pyplot, sklearn, inc_mlflow.engines.onnxruntime.calibration._counting; print(getpass.getuser())"
    assert run(onnxruntime_image, "python", "-c", code, user=user).strip() == "inc-mlflow"
    assert run(onnxruntime_image, "inc-mlflow", "--version", user=user).startswith("inc-mlflow ")


def test_its_root_cannot_be_written_even_where_the_pod_allows_it(onnxruntime_image):
    command = "for place in / /opt/inc-mlflow /usr/bin /etc; do test -w $place && echo $place; done; true"
    assert docker("run", "--rm", "--network=none", onnxruntime_image, "sh", "-c", command).stdout == ""
