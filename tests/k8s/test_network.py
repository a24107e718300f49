"""Who reaches whom: nothing that is not on these lists."""

import ipaddress

import pytest

from tests.k8s.manifests import GATE, PIPELINES, SERVER, named, only, selects, templates

PLACEHOLDER = ipaddress.ip_network("192.0.2.0/24")
TASK = {"workflows.argoproj.io/workflow": "run"}
DNS = {("kube-system", "kube-dns", 53)}
S3 = {("network", "s3", 443)}
MLFLOW = {(SERVER, "mlflow", 5000)}
API_SERVER = (443, 6443)
KUBEFLOW = {("kubeflow", "*", port) for port in (8080, 8887, 8888)} | {
    ("network", "api-server", port) for port in API_SERVER
}
ARTIFACTS = {"app": "ml-pipeline-ui-artifact"}


def destinations(policy):
    """Return (namespace, pods, port) of all that a policy lets out; networks carry the policy's name."""
    own = policy["metadata"]["namespace"]
    return {
        (*_peer(peer, own, policy["metadata"]["name"]), port["port"])
        for rule in policy["spec"].get("egress", [])
        for peer in rule.get("to", [{}])
        for port in rule.get("ports", [{"port": "*"}])
    }


def _peer(peer, own, policy):
    if "ipBlock" in peer:
        return ("network", policy)
    namespace = (
        peer.get("namespaceSelector", {}).get("matchLabels", {}).get("kubernetes.io/metadata.name", "*")
    )
    pods = next(iter(peer.get("podSelector", {}).get("matchLabels", {}).values()), "*")
    return (own if "podSelector" in peer and "namespaceSelector" not in peer else namespace, pods)


def reached(objects, namespace, labels):
    policies = [
        one
        for one in only(objects, "NetworkPolicy", namespace)
        if selects(one["spec"]["podSelector"], labels)
    ]
    return {
        found for one in policies if "Egress" in one["spec"]["policyTypes"] for found in destinations(one)
    }


def labels_of(objects, namespace, name):
    found = [template["metadata"]["labels"] for place, template in templates(objects) if place == namespace]
    return next(one for one in found if one["app.kubernetes.io/name"] == name)


def test_every_namespace_denies_by_default(objects):
    for namespace in only(objects, "Namespace"):
        spec = named(objects, "NetworkPolicy", "default-deny", namespace["metadata"]["name"])["spec"]
        assert spec == {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}


def test_a_task_reaches_names_s3_mlflow_and_what_kubeflow_needs(objects):
    assert reached(objects, PIPELINES, TASK) == DNS | S3 | MLFLOW | KUBEFLOW


def test_any_other_pod_beside_the_pipelines_reaches_less(objects):
    assert reached(objects, PIPELINES, {}) == DNS | S3 | MLFLOW


def test_kubeflows_proxy_of_artifacts_reaches_s3_and_kubeflow(objects):
    own = {("kubeflow", "*", 8888)} | {("network", "artifacts", port) for port in API_SERVER}
    assert reached(objects, PIPELINES, ARTIFACTS) == DNS | S3 | MLFLOW | own


def test_the_gate_reaches_names_and_mlflow(objects):
    assert reached(objects, GATE, labels_of(objects, GATE, "gate")) == DNS | MLFLOW


def test_the_server_reaches_names_s3_and_its_database(objects):
    own = only(objects, "StatefulSet")
    database = {(SERVER, "postgres", 5432)} if own else {("network", "database", 5432)}
    assert reached(objects, SERVER, labels_of(objects, SERVER, "mlflow")) == DNS | S3 | database


def entries(objects):
    """Return what comes in: (to, from, port) of every ingress rule."""
    return {
        (policy["metadata"]["namespace"], *policy["spec"]["podSelector"]["matchLabels"].values()): {
            (*_peer(peer, policy["metadata"]["namespace"], ""), port["port"])
            for peer in rule["from"]
            for port in rule["ports"]
        }
        for policy in only(objects, "NetworkPolicy")
        for rule in policy["spec"].get("ingress", [])
    }


def test_pipelines_and_gate_come_in_to_mlflow_and_kubeflow_to_its_artifacts(objects):
    expected = {
        (SERVER, "mlflow"): {(PIPELINES, "*", 5000), (GATE, "*", 5000)},
        (PIPELINES, "ml-pipeline-ui-artifact"): {("kubeflow", "*", 3000)},
    }
    if only(objects, "StatefulSet"):
        expected[SERVER, "postgres"] = {(SERVER, "mlflow", 5432)}
    assert entries(objects) == expected


def test_no_rule_is_empty(objects):
    """An empty list of peers or ports is all of them."""
    for policy in only(objects, "NetworkPolicy"):
        for rule in policy["spec"].get("egress", []):
            assert rule["to"]
            assert rule["ports"]
        for rule in policy["spec"].get("ingress", []):
            assert rule["from"]
            assert rule["ports"]


def test_a_site_may_name_several_networks(objects):
    for name in ("api-server", "artifacts"):
        rule = named(objects, "NetworkPolicy", name, PIPELINES)["spec"]["egress"][-1]
        assert [peer["ipBlock"]["cidr"] for peer in rule["to"]] == ["192.0.2.20/32", "192.0.2.21/32"]


def test_an_overlay_that_nobody_edited_reaches_nothing_outside(objects):
    for policy in only(objects, "NetworkPolicy"):
        for rule in policy["spec"].get("egress", []):
            blocks = [peer["ipBlock"]["cidr"] for peer in rule["to"] if "ipBlock" in peer]
            assert all(ipaddress.ip_network(block).subnet_of(PLACEHOLDER) for block in blocks)


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("mlflow", lambda rule: rule.pop("to")),
        ("mlflow", lambda rule: rule.pop("ports")),
        ("mlflow", lambda rule: rule["to"][0].pop("podSelector")),
        ("mlflow", lambda rule: rule["to"][0].pop("namespaceSelector")),
        ("mlflow", lambda rule: rule["to"].append({"ipBlock": {"cidr": "0.0.0.0/0"}})),
        ("s3", lambda rule: rule["ports"].append({"protocol": "TCP", "port": 22})),
    ],
)
def test_a_wider_rule_is_seen(objects, name, change):
    change(named(objects, "NetworkPolicy", name, PIPELINES)["spec"]["egress"][0])
    assert reached(objects, PIPELINES, TASK) != DNS | S3 | MLFLOW | KUBEFLOW
