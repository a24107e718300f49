"""What k8s/training adds for the pods of trainings: a runtime that is safe, few rights, and a way between the pods."""

import pytest

from inc_mlflow.pipelines import kubernetes_settings as settings_of
from inc_mlflow.training.launch.pods import RUNTIME, TRAINING_LABEL
from tests.k8s.manifests import KUBECTL, OVERLAYS, PIPELINES, named, only, render, selects, with_component
from tests.k8s.restricted import complaints
from tests.k8s.test_identities import rules
from tests.k8s.test_network import DNS, MLFLOW, S3, destinations, reached
from tests.k8s.test_values import refused
from tests.support.trainjobs import refused as not_taken

pytestmark = pytest.mark.skipif(
    KUBECTL is None, reason="kubectl is not installed: manifests are not rendered"
)
PODS = {TRAINING_LABEL: "true"}


@pytest.fixture(scope="module", params=OVERLAYS)
def training(request, tmp_path_factory):
    return render(with_component(request.param, "training", tmp_path_factory.mktemp("site")))


def template(objects):
    runtime = named(objects, "TrainingRuntime", RUNTIME, PIPELINES)
    (job,) = runtime["spec"]["template"]["spec"]["replicatedJobs"]
    return job["template"]["spec"]["template"]


def test_the_runtime_is_one_that_trainer_takes(training):
    runtime = named(training, "TrainingRuntime", RUNTIME, PIPELINES)
    assert not_taken("trainingruntimes", runtime) == []
    others = [one for one in training if one["metadata"]["name"] in ("training", "inc-mlflow-training")]
    assert [refused(one) for one in others] == [None] * 3


def test_its_pods_hold_to_the_rules_of_all_pods(training):
    assert complaints(template(training)) == []
    assert template(training)["metadata"]["labels"] == PODS
    named(training, "ServiceAccount", template(training)["spec"]["serviceAccountName"], PIPELINES)


def test_they_get_the_addresses_and_keys_of_tasks_and_no_other(training):
    (container,) = template(training)["spec"]["containers"]
    given = {one["name"]: one["valueFrom"] for one in container["env"] if "valueFrom" in one}
    wanted = {
        key: {"secretKeyRef": {"name": settings_of.STORAGE, "key": key, "optional": True}}
        for key in settings_of._STORAGE_KEYS
    }
    wanted |= {
        key: {"configMapKeyRef": {"name": settings_of.SETTINGS, "key": key, "optional": True}}
        for key in settings_of._ADDRESSES
        if key.startswith("AWS_")
    }
    assert given == wanted


def test_one_pod_that_breaks_ends_all(training):
    spec = named(training, "TrainingRuntime", RUNTIME, PIPELINES)["spec"]["template"]["spec"]
    (job,) = spec["replicatedJobs"]
    assert (spec["failurePolicy"], job["template"]["spec"]["backoffLimit"]) == ({"maxRestarts": 0}, 0)
    assert template(training)["spec"]["restartPolicy"] == "Never"


def test_a_task_may_make_see_and_remove_trainings(training):
    granted = rules(training, "inc-mlflow-pipeline", PIPELINES)
    own = {(one["resources"][0], tuple(one["verbs"])) for one in granted}
    assert own - {(one["resources"][0], tuple(one["verbs"])) for one in _without(training)} == {
        ("trainjobs", ("create", "get", "list", "delete")),
        ("trainingruntimes", ("get",)),
        ("pods/log", ("get",)),
    }
    assert not any("*" in one["verbs"] + one["resources"] for one in granted)


def _without(objects):
    return named(objects, "Role", "inc-mlflow-pipeline", PIPELINES)["rules"]


def test_pods_of_trainings_reach_each_other_s3_and_names(training):
    (policy,) = (
        one for one in only(training, "NetworkPolicy", PIPELINES) if one["metadata"]["name"] == "training"
    )
    assert destinations(policy) == {(PIPELINES, "true", 1024)}
    assert reached(training, PIPELINES, PODS) == DNS | S3 | MLFLOW | destinations(policy)
    assert policy["spec"]["ingress"][0]["from"] == policy["spec"]["egress"][0]["to"]
    assert not selects(policy["spec"]["podSelector"], {"workflows.argoproj.io/workflow": "run"})
