"""Two identities, and no secret in the repository: pipelines request, the gate alone may write to the
registry."""

import re

import pytest
import yaml

from inc_mlflow.pipelines import kubernetes_settings as settings_of
from tests.k8s.manifests import GATE, K8S, PIPELINES, SERVER, containers, named, only, templates
from tests.support.paths import ROOT

README = (K8S / "README.md").read_text()
SECRET = re.compile(
    # Keys of AWS, PEM, URIs with a password
    r"AKIA[0-9A-Z]{16}|-----BEGIN|[a-z0-9+]+://[^/\s:]+:(?!PASSWORD@)[^@\s]+@"
    r"|(?i:password|secret[-_]key|token)\s*[:=]\s*[\"']?[A-Za-z0-9+/]{8,}"
)


def created():
    """Return (namespace, secret) -> keys of the commands in the README."""
    text = README.replace("\\\n", " ")
    commands = re.findall(r"kubectl create secret generic (\S+) --namespace (\S+)([^\n]*)", text)
    return {
        (namespace, name): set(re.findall(r"--from-(?:literal|file)=([^=\s]+)=", rest))
        for name, namespace, rest in commands
    }


def used(objects):
    """Return (namespace, secret) -> keys that pods ask for."""
    found: dict[tuple[str, str], set[str]] = {}
    for namespace, template in templates(objects):
        for container in containers(template):
            for one in container.get("env", []):
                if reference := one.get("valueFrom", {}).get("secretKeyRef"):
                    found.setdefault((namespace, reference["name"]), set()).add(reference["key"])
        for volume in template["spec"]["volumes"]:
            if secret := volume.get("secret"):
                found.setdefault((namespace, secret["secretName"]), set()).update(
                    item["key"] for item in secret["items"]
                )
    return found


def test_there_is_no_secret_in_the_manifests(objects):
    assert only(objects, "Secret") == []
    assert SECRET.findall(yaml.safe_dump_all(objects)) == []
    for _, template in templates(objects):
        for container in containers(template):
            held = [one["name"] for one in container["env"] if "value" in one]
            assert [name for name in held if re.search("PASSWORD|SECRET|TOKEN|ACCESS_KEY", name)] == []


def test_there_is_no_secret_in_any_file_for_clusters():
    images = ROOT / "components" / "images"
    files = [
        path
        for folder in (K8S, images)
        for path in folder.rglob("*")
        if path.is_file() and path.suffix != ".pyc"
    ]
    assert len(files) > 20
    assert {path.name: found for path in files if (found := SECRET.findall(path.read_text()))} == {}


@pytest.mark.parametrize(
    "text",
    [
        "AKIAABCDEFGHIJKLMNOP",
        "-----BEGIN PRIVATE KEY-----",
        "postgresql://mlflow:hunter2@db/mlflow",
        "admin_password = hunter2hunter2",
    ],
)
def test_what_looks_like_a_secret_is_seen(text):
    assert SECRET.search(text)


def test_the_readme_creates_every_secret_that_a_pod_asks_for(objects):
    known = created()
    assert {one: keys for one, keys in used(objects).items() if not keys <= known.get(one, set())} == {}


def test_the_readme_creates_what_packages_ask_for(objects):
    known = created()
    assert set(settings_of._STORAGE_KEYS) <= known[PIPELINES, settings_of.STORAGE]
    assert set(settings_of._TRACKING_KEYS) <= known[PIPELINES, settings_of.TRACKING]
    assert "AWS_DEFAULT_REGION" in named(objects, "ConfigMap", settings_of.SETTINGS, PIPELINES)["data"]


def rules(objects, account, namespace):
    """Return what a service account may ask of the API server."""
    found = []
    for binding in (*only(objects, "RoleBinding"), *only(objects, "ClusterRoleBinding")):
        if any(one["name"] == account and one["namespace"] == namespace for one in binding["subjects"]):
            found += named(objects, binding["roleRef"]["kind"], binding["roleRef"]["name"])["rules"]
    return found


def test_a_pipeline_may_do_what_kubeflow_needs_and_no_more(objects):
    granted = rules(objects, "inc-mlflow-pipeline", PIPELINES)
    assert {(one["resources"][0], tuple(one["verbs"])) for one in granted} == {
        ("workflowtaskresults", ("create", "patch")),
        ("pods", ("get", "list")),
        ("configmaps", ("get",)),
        ("secrets", ("get",)),
        ("runs", ("get", "list")),
    }
    (secrets,) = (one for one in granted if one["resources"] == ["secrets"])
    assert secrets["resourceNames"] == ["mlpipeline-minio-artifact", settings_of.STORAGE]


def test_the_launcher_knows_the_sites_s3_and_may_read_its_keys(objects):
    """On EKS it finds Amazon's by the role; anywhere else only by this config map."""
    maps = [
        one["data"]
        for one in only(objects, "ConfigMap", PIPELINES)
        if one["metadata"]["name"] == "kfp-launcher"
    ]
    assert len(maps) == len(only(objects, "StatefulSet"))
    for data in maps:
        settings = named(objects, "ConfigMap", settings_of.SETTINGS, PIPELINES)["data"]
        known = yaml.safe_load(data["providers"])["s3"]["default"]
        assert (known["endpoint"], known["region"]) == (settings["AWS_ENDPOINT_URL"], settings["AWS_REGION"])
        keys = known["credentials"]["secretRef"]
        assert keys["secretName"] == settings_of.STORAGE
        assert (keys["accessKeyKey"], keys["secretKeyKey"]) == settings_of._STORAGE_KEYS
        assert data["defaultPipelineRoot"] == "s3://inc-mlflow/pipelines"


def test_the_gate_has_no_credential_but_its_login(objects):
    assert {name for namespace, name in used(objects) if namespace == GATE} == {settings_of.TRACKING}
    assert "annotations" not in named(objects, "ServiceAccount", "inc-mlflow-gate", GATE)["metadata"]


def test_only_the_pipeline_has_rights_and_only_in_its_namespace(objects):
    subjects = [one for binding in only(objects, "RoleBinding") for one in binding["subjects"]]
    assert [(one["kind"], one["namespace"], one["name"]) for one in subjects] == [
        ("ServiceAccount", PIPELINES, "inc-mlflow-pipeline")
    ]
    assert [one["kind"] for one in objects if one["kind"].startswith("ClusterRole")] == []
    assert rules(objects, "inc-mlflow-gate", GATE) == []


def test_the_credential_of_the_registry_is_where_no_pipeline_runs(objects):
    """A pod reads only secrets of its own namespace; the two of that name hold different users."""
    assert (GATE, "inc-mlflow-tracking") in used(objects)
    text = README.replace("\\\n", " ")
    users = dict(re.findall(r"inc-mlflow-tracking --namespace (\S+) .*?MLFLOW_TRACKING_USERNAME=(\S+)", text))
    assert users == {PIPELINES: "pipeline", GATE: "gate"}


def test_the_gate_and_the_server_have_no_token(objects):
    for namespace, name in ((GATE, "inc-mlflow-gate"), (SERVER, "mlflow")):
        assert named(objects, "ServiceAccount", name, namespace)["automountServiceAccountToken"] is False
