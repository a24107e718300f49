"""Every pod is restricted, every image is named by digest, and what objects name is there."""

import json
import re
from pathlib import Path

import pytest
import yaml

from inc_mlflow.spec import PolicySpec
from tests.k8s.manifests import GATE, PIPELINES, SERVER, containers, named, only, templates
from tests.k8s.restricted import complaints
from tests.support.paths import ROOT

README = (ROOT / "k8s" / "README.md").read_text()


def test_every_pod_is_restricted(objects):
    assert len(templates(objects)) >= 2
    assert [found for _, template in templates(objects) for found in complaints(template)] == []


def test_every_namespace_refuses_pods_that_are_not(objects):
    labels = {one["metadata"]["name"]: one["metadata"]["labels"] for one in only(objects, "Namespace")}
    assert {name: one["pod-security.kubernetes.io/enforce"] for name, one in labels.items()} == {
        name: "restricted" for name in (SERVER, PIPELINES, GATE)
    }
    assert {one["metadata"].get("namespace") for one in objects} - {None} == set(labels)


def test_the_probe_of_the_readme_is_restricted_too():
    probe = json.loads((ROOT / "k8s" / "probe.json").read_text())
    probe["spec"]["containers"][0]["image"] = "given@sha256:1"  # on the command line
    assert complaints(probe) == []


def own(template):
    return template["spec"]["containers"][0]["securityContext"]


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda one: one["spec"].update(hostNetwork=True), "hostNetwork"),
        (
            lambda one: one["spec"]["volumes"].append({"name": "host", "hostPath": {"path": "/"}}),
            "volume host: hostPath",
        ),
        (
            lambda one: one["spec"].pop("automountServiceAccountToken"),
            "a token of the service account is mounted",
        ),
        (lambda one: one["spec"].pop("serviceAccountName"), "the default service account"),
        (lambda one: own(one).update(privileged=True), "privileged"),
        (lambda one: own(one).pop("allowPrivilegeEscalation"), "privileges may escalate"),
        (lambda one: own(one).pop("capabilities"), "capabilities are kept"),
        (lambda one: own(one)["capabilities"].update(add=["SYS_ADMIN"]), "capabilities are added"),
        (lambda one: own(one).update(runAsUser=0), "may run as root"),
        (lambda one: one["spec"]["securityContext"].pop("runAsNonRoot"), "may run as root"),
        (lambda one: one["spec"]["securityContext"].pop("seccompProfile"), "no seccomp profile"),
        (
            lambda one: one["spec"]["containers"][0].update(ports=[{"containerPort": 1, "hostPort": 1}]),
            "a port of the host",
        ),
        (lambda one: own(one).pop("readOnlyRootFilesystem"), "the root can be written"),
        (
            lambda one: one["spec"]["containers"][0].update(image="inc-mlflow/mlflow:0.1.0"),
            "is not named by digest",
        ),
        (
            lambda one: one["spec"]["containers"][0]["resources"]["limits"].pop("memory"),
            "no limits of memory",
        ),
        (
            lambda one: one["spec"].update(initContainers=[{"name": "init", "image": "a@sha256:1"}]),
            "init: may|init: priv",
        ),
    ],
)
def test_a_pod_that_asks_for_more_is_seen(objects, change, says):
    template = dict(templates(objects))[GATE]
    assert complaints(template) == []
    change(template)
    assert any(re.search(says, found) for found in complaints(template))


def test_images_are_those_of_the_lock(objects):
    locked = yaml.safe_load((ROOT / "images.lock").read_text())
    nowhere = f"sha256:{'0' * 64}"
    digests = {f"{one['repository']}/{name}@{one['digest'] or nowhere}" for name, one in locked.items()}
    used = {container["image"] for _, template in templates(objects) for container in containers(template)}
    assert {image for image in used if not image.startswith("postgres@")} <= digests


def test_what_a_pod_names_is_there(objects):
    for namespace, template in templates(objects):
        named(objects, "ServiceAccount", template["spec"]["serviceAccountName"], namespace)
        volumes = {volume["name"]: volume for volume in template["spec"]["volumes"]}
        for volume in volumes.values():
            if "configMap" in volume:
                named(objects, "ConfigMap", volume["configMap"]["name"], namespace)
            if "persistentVolumeClaim" in volume:
                named(
                    objects, "PersistentVolumeClaim", volume["persistentVolumeClaim"]["claimName"], namespace
                )
        claimed = {
            claim["metadata"]["name"]
            for one in only(objects, "StatefulSet", namespace)
            for claim in one["spec"]["volumeClaimTemplates"]
        }
        for container in containers(template):
            assert {mount["name"] for mount in container["volumeMounts"]} <= volumes.keys() | claimed


def test_selectors_find_their_pods(objects):
    labels = [(namespace, template["metadata"]["labels"]) for namespace, template in templates(objects)]
    for one in (*only(objects, "Deployment"), *only(objects, "StatefulSet")):
        chosen = one["spec"]["selector"]["matchLabels"].items()
        assert chosen <= one["spec"]["template"]["metadata"]["labels"].items()
        assert (
            sum(
                chosen <= found.items()
                for namespace, found in labels
                if namespace == one["metadata"]["namespace"]
            )
            == 1
        )


def test_a_service_leads_to_a_port_of_its_pods(objects):
    for service in only(objects, "Service"):
        chosen = service["spec"]["selector"].items()
        ports = {
            port["name"]
            for namespace, template in templates(objects)
            if namespace == service["metadata"]["namespace"]
            and chosen <= template["metadata"]["labels"].items()
            for container in containers(template)
            for port in container["ports"]
        }
        assert {port["targetPort"] for port in service["spec"]["ports"]} <= ports


def test_what_runs_for_long_says_when_it_is_ready_and_alive(objects):
    for one in (*only(objects, "Deployment"), *only(objects, "StatefulSet")):
        for container in one["spec"]["template"]["spec"]["containers"]:
            assert {"readinessProbe", "livenessProbe"} <= container.keys()


def environment(container):
    return {one["name"]: one.get("value") for one in container["env"]}


def test_the_server_answers_to_the_name_that_its_clients_use(objects):
    server = named(objects, "Deployment", "mlflow", SERVER)["spec"]["template"]
    hosts = environment(server["spec"]["containers"][0])["MLFLOW_SERVER_ALLOWED_HOSTS"].split(",")
    gate = environment(dict(templates(objects))[GATE]["spec"]["containers"][0])
    assert gate["MLFLOW_TRACKING_URI"].removeprefix("http://") in hosts
    example = yaml.safe_load((ROOT / "examples" / "digits" / "cluster.yaml").read_text())
    assert example["tracking"]["uri"].removeprefix("http://") in hosts
    assert f"`{gate['MLFLOW_TRACKING_URI']}`" in README


def test_the_gate_judges_one_at_a_time_by_a_policy_that_reads(objects, tmp_path):
    job = named(objects, "CronJob", "gate", GATE)["spec"]
    assert job["concurrencyPolicy"] == "Forbid"
    assert named(objects, "ResourceQuota", "quota", GATE)["spec"]["hard"]["pods"] == "1"
    (container,) = job["jobTemplate"]["spec"]["template"]["spec"]["containers"]
    assert container["command"][:3] == ["inc-mlflow", "promote", "--requested"]
    mount = next(one["mountPath"] for one in container["volumeMounts"] if one["name"] == "policy")
    (policy,) = (
        one for one in only(objects, "ConfigMap", GATE) if one["metadata"]["name"].startswith("policy-")
    )
    path = Path(container["command"][container["command"].index("--policy") + 1])
    assert str(path.parent) == mount
    (tmp_path / path.name).write_text(policy["data"][path.name])
    assert PolicySpec.load(tmp_path / path.name).max_relative_drop == 0.01


def test_the_gates_rows_are_where_the_threat_model_looks_for_them_and_nobody_writes_them(objects):
    claims = only(objects, "PersistentVolumeClaim")
    template = dict(templates(objects))[GATE]
    mounts = [one for one in template["spec"]["containers"][0]["volumeMounts"] if one["name"] == "validation"]
    assert [one["metadata"]["namespace"] for one in claims] == [GATE] * len(mounts)
    allowed = named(objects, "ResourceQuota", "quota", GATE)["spec"]["hard"]["persistentvolumeclaims"]
    assert int(allowed) == len(claims)
    for mount in mounts:
        assert mount["readOnly"]
        assert f"data: {mount['mountPath']} " in (ROOT / "docs" / "threats.md").read_text()


def test_every_namespace_has_a_quota_that_its_own_pods_fit(objects):
    for namespace in (SERVER, PIPELINES, GATE):
        hard = named(objects, "ResourceQuota", "quota", namespace)["spec"]["hard"]
        asked = [
            one
            for found, template in templates(objects)
            if found == namespace
            for one in containers(template)
        ]
        assert sum(int(one["resources"]["limits"]["cpu"]) for one in asked) <= int(hard["limits.cpu"])
        assert sum(int(one["resources"]["limits"]["memory"].removesuffix("Gi")) for one in asked) <= int(
            hard["limits.memory"].removesuffix("Gi")
        )
