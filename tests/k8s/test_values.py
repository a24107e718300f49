"""Every object is one that Kubernetes 1.33 takes: strict schemas, then what those let pass."""

import kubernetes_validate
import pytest

from tests.k8s.karpenter import KINDS, karpenter_complaints
from tests.k8s.values import ENUMS, FORMS, complaints

VERSION = "1.33"


def refused(one):
    try:
        kubernetes_validate.validate(one, VERSION, strict=True)
    except kubernetes_validate.ValidationError as error:
        return error.message
    except kubernetes_validate.SchemaNotFoundError:
        return f"{one['kind']}: no schema"
    return None


def test_every_object_validates_strictly(objects):
    own = [one for one in objects if one["kind"] in KINDS]
    assert [error for one in objects if one not in own if (error := refused(one))] == []
    assert [error for one in own for error in karpenter_complaints(one)] == []


def test_a_field_that_kubernetes_does_not_know_is_refused(objects):
    (deployment,) = (one for one in objects if one["kind"] == "Deployment")
    deployment["spec"]["template"]["spec"]["containers"][0]["readynessProbe"] = {}
    assert "readynessProbe" in refused(deployment)


def test_enumerations_quantities_networks_and_schedules_hold(objects):
    assert [found for one in objects for found in complaints(one)] == []


def nested(path, value):
    for key in reversed(path):
        value = {key: value}
    return {"kind": "Any"} | value


@pytest.mark.parametrize("rule", [*ENUMS, *FORMS])
def test_a_wrong_value_is_seen(rule):
    head, _, label = rule.partition("labels.")
    path = ["labels", label] if label else head.split(".")
    assert complaints(nested(["spec", *path], "Equals")) != []
    assert complaints(nested(["spec", *path], ["Egres"])) != []


@pytest.mark.parametrize("amount", ["4 Gi", "4GB", "", "many", "-1"])
def test_a_wrong_quantity_is_seen(amount):
    assert complaints(nested(["resources", "limits", "memory"], amount)) != []


@pytest.mark.parametrize("schedule", ["*/5 * * *", "every minute", "*/5 * * * * *"])
def test_a_wrong_schedule_is_seen(schedule):
    assert complaints(nested(["spec", "schedule"], schedule)) != []


def test_a_toleration_that_the_schemas_let_pass_is_seen():
    pod = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "pod"},
        "spec": {
            "containers": [{"name": "main", "image": "image"}],
            "tolerations": [{"key": "inc-mlflow/pool", "operator": "Equals", "effect": "NoSchedul"}],
        },
    }
    assert refused(pod) is None
    assert len(complaints(pod)) == 2
