"""A model of several graphs from its job to a promoted alias that MLflow loads."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import yaml

from inc_mlflow.errors import DataError
from inc_mlflow.files import model_sha256
from inc_mlflow.tracking.flavors.parts import FLAVOR
from tests.support.translator import write_job

PROGRAM = Path(sys.executable).with_name("inc-mlflow")
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def done(tmp_path_factory):
    """The folder of a job that ran, and its result."""
    folder = tmp_path_factory.mktemp("translator")
    ran = subprocess.run(
        [PROGRAM, "run", write_job(folder), "--json"], capture_output=True, text=True, check=False
    )
    assert ran.returncode == 0, ran.stderr[-3000:]
    return folder, json.loads(ran.stdout)


def test_each_recipe_is_a_row_of_the_whole_model(done):
    folder, result = done
    labels = {row["recipe"]: row for row in result["table"]}
    assert set(labels) == {
        "baseline",
        "decoder+encoder dynamic s8 per-channel; encoder stays FP32",
        "decoder static u8s8 per-channel",
    }
    assert labels["baseline"]["accuracy"]["value"] == 1.0
    assert labels["baseline"]["source_speedup"] is not None
    assert {row["engine"] for row in result["table"]} == {"parts"}
    best = Path(result["best"]["path"])
    assert best.name == "model.parts"
    assert model_sha256(best) == result["champion"]["sha256"]
    assert result["best"]["size_bytes"] < labels["baseline"]["size_bytes"]
    assert (best / "code" / "rules.py").read_text() == (folder / "rules.py").read_text()


@pytest.fixture(scope="module")
def logged(done, tmp_path_factory):
    """The champion as MLflow keeps it, downloaded, and what it predicts of the first rows."""
    folder, _ = done
    target = tmp_path_factory.mktemp("logged")
    script = f"""
import json, warnings
warnings.simplefilter("ignore")
import mlflow, numpy as np
mlflow.set_tracking_uri("sqlite:///{folder}/.inc-mlflow/mlflow.db")
place = mlflow.artifacts.download_artifacts("models:/translator@int8-champion", dst_path="{target}")
with np.load("{folder}/validation.npz") as archive:
    rows = archive["letters"][:20]
model = mlflow.pyfunc.load_model("models:/translator@int8-champion")
found = model.predict({{"letters": rows}})
print(json.dumps([place, found["tokens"].tolist(), str(model.metadata.signature.inputs)]))
"""
    ran = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=False, cwd=target
    )
    assert ran.returncode == 0, ran.stderr[-3000:]
    place, tokens, inputs = json.loads(ran.stdout.splitlines()[-1])
    return Path(place), np.array(tokens), inputs


def test_mlflow_loads_and_runs_the_champion(done, logged):
    from inc_mlflow.engines.engine import RunSettings
    from inc_mlflow.engines.parts.engine import ENGINE

    folder, result = done
    place, tokens, inputs = logged
    with np.load(folder / "validation.npz") as archive:
        rows = archive["letters"][:20]
    mine = ENGINE.load(Path(result["best"]["path"]), RunSettings())({"letters": rows})["tokens"]
    assert (tokens == mine).all()
    assert "letters" in inputs
    assert model_sha256(place / "model.parts") == result["champion"]["sha256"]
    requirements = (place / "requirements.txt").read_text()
    assert requirements.startswith("inc-mlflow==")
    FLAVOR.check_package(place, "m-1")


def _card(place, **changes):
    file = place / "MLmodel"
    card = yaml.safe_load(file.read_text())
    card["flavors"]["python_function"].update(changes)
    file.write_text(yaml.safe_dump(card))


@pytest.mark.parametrize(
    ("alter", "says"),
    [
        (lambda place: _card(place, loader_module="theirs"), "is not that of inc-mlflow"),
        (lambda place: _card(place, code="code"), "is not that of inc-mlflow"),
        (lambda place: (place / "theirs.py").write_text(""), "has theirs.py beside the model"),
        (lambda place: (place / "requirements.txt").write_text("theirs==1\n"), "installs 'theirs==1'"),
        (
            lambda place: (place / "python_env.yaml").write_text("python: 3.11\n"),
            "python_env.yaml is not that of inc-mlflow",
        ),
        (lambda place: (place / "requirements.txt").unlink(), "requirements.txt cannot be read"),
    ],
)
def test_what_would_load_other_code_is_refused(logged, tmp_path, alter, says):
    place = Path(shutil.copytree(logged[0], tmp_path / "model"))
    alter(place)
    with pytest.raises(DataError, match=says):
        FLAVOR.check_package(place, "m-1")
