"""KServe: an InferenceService that runs a Triton repository from where its folder is uploaded."""

import re

import yaml

from inc_mlflow.serving.served_model import ServedModel

_LONGEST = 63
"""Characters of a name in Kubernetes (RFC 1123)."""


def service_name(registered_model: str) -> str:
    """Return a registered model's name as Kubernetes and Triton take it: lower case, digits, hyphens."""
    found = re.sub(r"[^a-z0-9]+", "-", registered_model.lower())[:_LONGEST].strip("-")
    return found if found[:1].isalpha() else f"model-{found}"[:_LONGEST].strip("-")


def inference_service(served: ServedModel, name: str, files: str, storage_uri: str) -> str:
    """Return the manifest; ``files`` is the format of the model's files, as KServe calls it.

    It asks for the CPUs of the measured layout: with fewer the measured speed does not hold.
    """
    layout = served.layout
    cores = str((layout.cores or 1) * (layout.instances or 1))
    predictor = {
        "modelFormat": {"name": files},
        "runtime": "kserve-tritonserver",
        "protocolVersion": "v2",
        "storageUri": storage_uri,
        "resources": {"requests": {"cpu": cores}, "limits": {"cpu": cores}},
    }
    manifest = {
        "apiVersion": "serving.kserve.io/v1beta1",
        "kind": "InferenceService",
        "metadata": {
            "name": name,
            "annotations": {
                "inc-mlflow/registered-model": served.registered_model,
                "inc-mlflow/version": served.version,
                "inc-mlflow/sha256": served.sha256,
            },
        },
        "spec": {"predictor": {"model": predictor}},
    }
    return yaml.safe_dump(manifest, sort_keys=False, allow_unicode=True)
