"""A champion is handed to what serves it: the same bytes, and what was measured with them."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
import requests
import yaml

from inc_mlflow.errors import DataError, IncError, SpecError, StateError, TrackingError
from inc_mlflow.files import sha256_file
from inc_mlflow.promotion.export import export_model
from inc_mlflow.promotion.process_request import process_untrusted_request
from inc_mlflow.promotion.review import Policy
from inc_mlflow.records import RequestRecord
from tests.support.programs import free_port
from tests.support.triton_config import parsed_config

pytestmark = pytest.mark.slow
ALIAS = "int8-champion"


@pytest.fixture
def champion(store, requested, measured):
    assert process_untrusted_request(store.stores, requested, Policy()).version == "1"
    return measured.judgement.best()


def test_each_format_has_the_champions_bytes_and_its_measured_layout(store, champion, measured, tmp_path):
    plain = export_model(store.stores, "digits", ALIAS, "onnx", tmp_path / "plain")
    assert plain["files"] == ["README.md", "model.onnx"]
    assert sha256_file(tmp_path / "plain" / "model.onnx") == champion.sha256 == plain["sha256"]
    said = (tmp_path / "plain" / "README.md").read_text()
    assert champion.reasons[0] in said
    assert onnxruntime.__version__ in said

    uri = "s3://bucket/digits/models"
    export_model(store.stores, "digits", ALIAS, "kserve", tmp_path / "kserve", uri)
    model = tmp_path / "kserve" / "models" / "digits" / "1" / "model.onnx"
    assert sha256_file(model) == champion.sha256
    config = parsed_config(model.parent.parent / "config.pbtxt")
    session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    assert [one.name for one in config.input] == [one.name for one in session.get_inputs()]
    assert [list(one.dims) for one in config.input] == [list(session.get_inputs()[0].shape[1:])]
    assert (config.backend, config.max_batch_size, config.instance_group[0].count) == ("onnxruntime", 1, 1)
    assert config.parameters["intra_op_thread_count"].string_value == "1"
    manifest = yaml.safe_load((tmp_path / "kserve" / "inference-service.yaml").read_text())
    predictor = manifest["spec"]["predictor"]["model"]
    assert (predictor["storageUri"], predictor["runtime"]) == (uri, "kserve-tritonserver")
    assert manifest["metadata"]["annotations"]["inc-mlflow/sha256"] == champion.sha256
    rows = np.zeros((1, *session.get_inputs()[0].shape[1:]), "f4")
    assert session.run(None, {session.get_inputs()[0].name: rows})


def test_what_was_altered_is_not_handed_over(store, champion, requested, tmp_path):
    request = store.local(store.run(requested).info.artifact_uri) / "request.json"
    before = request.read_text()
    request.write_text(json.dumps(json.loads(before) | {"recipe": "another"}))
    with pytest.raises(DataError, match="is not the one that was made; it was altered"):
        export_model(store.stores, "digits", ALIAS, "onnx", tmp_path / "out")
    request.write_text(before)
    (made,) = store.client.search_model_versions("name = 'digits'")
    location = store.client.get_logged_model(made.source.removeprefix("models:/")).artifact_location
    (store.local(location) / "model.onnx").write_bytes(b"another")
    with pytest.raises(DataError, match="it was altered"):
        export_model(store.stores, "digits", ALIAS, "onnx", tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_evidence_of_another_request_is_not_told_even_where_the_run_was_forged_whole(
    store, champion, requested, tmp_path, monkeypatch
):
    """Who may write the server's database can replace a request and its digest, but not the ledger's entry."""
    forged = RequestRecord.model_validate_json(
        (store.local(store.run(requested).info.artifact_uri) / "request.json").read_text()
    ).model_copy(update={"recipe": "another"})
    monkeypatch.setattr("inc_mlflow.promotion.export.read_request", lambda *_: forged)
    with pytest.raises(DataError, match="is not the one of the ledger"):
        export_model(store.stores, "digits", ALIAS, "onnx", tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_wrong_requests_are_refused_in_one_line(store, champion, tmp_path):
    full = tmp_path / "full"
    full.mkdir()
    (full / "other").touch()
    wrong = {
        ("digits", ALIAS, "openvino", tmp_path / "a", None): (
            SpecError,
            "is not for models of onnxruntime; give one of",
        ),
        ("digits", ALIAS, "kserve", tmp_path / "a", None): (SpecError, "--storage-uri"),
        ("digits", ALIAS, "onnx", tmp_path / "a", "s3://b/c"): (SpecError, "--storage-uri"),
        ("digits", "int8-champion-amd", "onnx", tmp_path / "a", None): (TrackingError, "names no version"),
        ("nobody", ALIAS, "onnx", tmp_path / "a", None): (IncError, "nobody"),
        ("digits", ALIAS, "onnx", full, None): (StateError, "is there already"),
    }
    for arguments, (kind, message) in wrong.items():
        with pytest.raises(kind, match=message):
            export_model(store.stores, *arguments)
    assert not (tmp_path / "a").exists()


@pytest.mark.long
def test_mlflows_own_server_answers_as_the_model_does(store, champion, tmp_path):
    port = str(free_port())
    export_model(store.stores, "digits", ALIAS, "onnx", tmp_path / "plain")
    session = onnxruntime.InferenceSession(
        tmp_path / "plain" / "model.onnx", providers=["CPUExecutionProvider"]
    )
    rows = np.random.default_rng(0).random((1, *session.get_inputs()[0].shape[1:]), "f4")
    (expected,) = session.run(None, {session.get_inputs()[0].name: rows})
    programs = Path(sys.executable).parent
    uri = ["--model-uri", f"models:/digits@{ALIAS}", "--env-manager", "local", "--port", port]
    environment = os.environ | {"MLFLOW_TRACKING_URI": store.stores.tracking_uri}
    environment["PATH"] = f"{programs}:{os.environ['PATH']}"
    with subprocess.Popen(
        [programs / "mlflow", "models", "serve", *uri], env=environment, cwd=tmp_path, start_new_session=True
    ) as server:
        try:
            answer = answered(f"http://127.0.0.1:{port}", {"inputs": {"image": rows.tolist()}})
        finally:
            os.killpg(server.pid, 15)
    np.testing.assert_allclose(answer["predictions"]["logits"], expected, rtol=1e-5)


def answered(address, rows):
    for _ in range(120):
        try:
            return requests.post(f"{address}/invocations", json=rows, timeout=10).json()
        except requests.ConnectionError:
            time.sleep(0.5)
    raise AssertionError(f"{address} does not answer")
