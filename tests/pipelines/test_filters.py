"""The scheduler's filters: cases made by hand, and any pod and node against the rules read once more."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from inc_mlflow.errors import SpecError
from inc_mlflow.pipelines.scheduling.filters import fit_together, obstacles
from inc_mlflow.pipelines.scheduling.fleet import Fleet, Node
from inc_mlflow.pipelines.scheduling.pod import Pod
from inc_mlflow.pipelines.scheduling.quantity import parse_quantity

LABELS = {"arch": "amd64", "memory": "40960", "odd": "4_0"}
NODE = {"name": "n", "labels": LABELS, "allocatable": {"cpu": "15600m", "memory": "27Gi", "gpu": 1}}
POD = {"labels": {}, "selector": {}, "terms": None, "tolerations": [], "requests": {}}


def where(key, operator, *values):
    return {"key": key, "operator": operator, "values": list(values)}


def terms(*alternatives):
    return {"terms": [{"matchExpressions": list(expressions)} for expressions in alternatives]}


def taint(key="k", value="v", effect="NoSchedule"):
    return {"taints": [{"key": key, "value": value, "effect": effect}]}


def tolerate(**fields):
    return {"tolerations": [fields]}


CORDON = "node.kubernetes.io/unschedulable"


@pytest.mark.parametrize(
    ("pod", "node", "reason"),
    [
        ({}, {}, None),
        ({"selector": {"arch": "amd64"}}, {}, None),
        ({"selector": {"arch": "arm64"}}, {}, "label arch is amd64, not arm64"),
        ({"selector": {"zone": "a"}}, {}, "label zone=a is missing"),
        (terms([where("arch", "In", "arm64", "amd64")]), {}, None),
        (terms([where("zone", "In", "a")]), {}, "label zone In a fails"),
        (terms([where("zone", "NotIn", "a")]), {}, None),
        (terms([where("arch", "NotIn", "amd64")]), {}, "label arch NotIn amd64 fails"),
        (terms([where("arch", "Exists")]), {}, None),
        (terms([where("arch", "DoesNotExist")]), {}, "label arch DoesNotExist fails"),
        (terms([where("memory", "Gt", "30000")]), {}, None),
        (terms([where("memory", "Gt", "40960")]), {}, "label memory Gt 40960 fails"),
        (terms([where("memory", "Lt", "40961")]), {}, None),
        (terms([where("zone", "Lt", "1")]), {}, "label zone Lt 1 fails"),
        (terms([where("arch", "Gt", "1")]), {}, "label arch Gt 1 fails"),
        (terms([where("odd", "Gt", "1")]), {}, "label odd Gt 1 fails"),  # Python would read 40
        (terms([where("memory", "Gt", "x")]), {}, "label memory Gt x fails"),
        (terms([where("arch", "Exists"), where("zone", "Exists")]), {}, "label zone Exists fails"),
        (terms([where("arch", "Exists")], [where("zone", "Exists")]), {}, None),
        (
            terms([where("zone", "Exists")], [where("disk", "Exists")]),
            {},
            "label zone Exists fails or label disk Exists fails",
        ),
        (terms([]), {}, "an affinity without requirements matches no node"),
        (terms([], [where("arch", "Exists")]), {}, None),
        ({"terms": [{"matchFields": [where("metadata.name", "In", "n")]}]}, {}, None),
        (
            {"terms": [{"matchFields": [where("metadata.name", "In", "m")]}]},
            {},
            "field metadata.name In m fails",
        ),
        ({}, taint(), "taint k=v:NoSchedule is not tolerated"),
        ({}, taint(value="", effect="NoExecute"), "taint k:NoExecute is not tolerated"),
        ({}, taint(effect="PreferNoSchedule"), None),
        (tolerate(key="k", value="v", effect="NoSchedule"), taint(), None),
        (tolerate(key="k", value="w", effect="NoSchedule"), taint(), "taint k=v:NoSchedule is not tolerated"),
        (tolerate(key="j", value="v", effect="NoSchedule"), taint(), "taint k=v:NoSchedule is not tolerated"),
        (
            tolerate(key="k", value="v", effect="NoSchedule"),
            taint(effect="NoExecute"),
            "taint k=v:NoExecute is not tolerated",
        ),
        (tolerate(key="k", value="v"), taint(effect="NoExecute"), None),
        (tolerate(key="k", operator="Exists"), taint(), None),
        (tolerate(operator="Exists"), taint(), None),
        (tolerate(key="k", operator="Exists", tolerationSeconds="300"), taint(), None),
        ({}, {"unschedulable": True}, f"taint {CORDON}:NoSchedule is not tolerated"),
        (tolerate(key=CORDON, operator="Exists"), {"unschedulable": True}, None),
        ({"requests": {"cpu": "15"}}, {}, None),
        ({"requests": {"cpu": "16"}}, {}, "cpu: 16 asked for, 15.6 there"),
        ({"requests": {"memory": "27Gi"}}, {}, None),
        ({"requests": {"memory": "28Gi"}}, {}, "memory: 28Gi asked for, 27Gi there"),
        ({"requests": {"gpu": "2"}}, {}, "gpu: 2 asked for, 1 there"),
        ({"requests": {"fpga": "1"}}, {}, "fpga: 1 asked for, 0 there"),
        ({"requests": {"fpga": "0"}}, {}, None),
    ],
)
def test_what_keeps_a_pod_off_a_node(pod, node, reason):
    found = obstacles(Pod.model_validate(POD | pod), Node.model_validate(NODE | node))
    assert found == ([] if reason is None else [reason])


def test_two_pods_fit_together_if_their_sum_does():
    half, more = (Pod.model_validate(POD | {"requests": {"cpu": cpu}}) for cpu in ("7800m", "7801m"))
    node = Node.model_validate(NODE)
    assert fit_together(half, half, node)
    assert not fit_together(half, more, node)


# Few keys and values, so that what should meet does meet.
KEYS, VALUES = st.sampled_from("ab"), st.sampled_from(["1", "2", "-3", "x", ""])
EFFECTS = ["NoSchedule", "PreferNoSchedule", "NoExecute"]


@st.composite
def expression(draw):
    operator = draw(st.sampled_from(["In", "NotIn", "Exists", "DoesNotExist", "Gt", "Lt"]))
    count = {"In": (1, 2), "NotIn": (1, 2), "Gt": (1, 1), "Lt": (1, 1)}.get(operator, (0, 0))
    return where(draw(KEYS), operator, *draw(st.lists(VALUES, min_size=count[0], max_size=count[1])))


def records(**fields):
    return st.fixed_dictionaries(fields)


def few(items, most=2, least=0):
    return st.lists(items, min_size=least, max_size=most)


NODES = records(
    name=st.sampled_from("ab"),
    labels=st.dictionaries(KEYS, VALUES),
    taints=few(records(key=KEYS, value=VALUES, effect=st.sampled_from(EFFECTS))),
    allocatable=st.dictionaries(st.sampled_from(["cpu", "gpu"]), st.integers(0, 3)),
    unschedulable=st.booleans(),
)
PODS = records(
    labels=st.just({}),
    selector=st.dictionaries(KEYS, VALUES, max_size=1),
    terms=st.none()
    | few(records(matchExpressions=few(expression()), matchFields=few(expression(), 1)), least=1),
    tolerations=few(
        records(
            key=st.sampled_from(["", "a", "b", CORDON]),
            operator=st.sampled_from(["Equal", "Exists"]),
            value=VALUES,
            effect=st.sampled_from(["", *EFFECTS]),
        ),
        3,
    ),
    requests=st.dictionaries(st.sampled_from(["cpu", "gpu"]), st.integers(0, 3)),
)


def number(text):
    return int(text) if text.lstrip("-").isdigit() else None


def holds(labels, rule):
    """One expression, as the API's reference describes each operator."""
    key, operator, values = rule["key"], rule["operator"], rule["values"]
    if operator in {"Exists", "DoesNotExist"}:
        return (key in labels) == (operator == "Exists")
    if operator in {"In", "NotIn"}:
        return (key in labels and labels[key] in values) == (operator == "In")
    left, right = number(labels.get(key, "none")), number(values[0])
    return None not in (left, right) and (left > right if operator == "Gt" else left < right)


def tolerates(toleration, taint):
    if toleration["effect"] and toleration["effect"] != taint["effect"]:
        return False
    if toleration["key"] and toleration["key"] != taint["key"]:
        return False
    return toleration["operator"] == "Exists" or toleration["value"] == taint["value"]


def may_run(pod, node):
    """Read the rules once more, on plain data."""
    for key, value in pod["selector"].items():
        if (key, value) not in node["labels"].items():
            return False
    if pod["terms"] is not None:
        matching = []
        for term in pod["terms"]:
            rules = [holds(node["labels"], rule) for rule in term["matchExpressions"]]
            rules += [holds({"metadata.name": node["name"]}, rule) for rule in term["matchFields"]]
            matching.append(len(rules) > 0 and False not in rules)
        if True not in matching:
            return False
    taints = list(node["taints"])
    if node["unschedulable"]:
        taints.append({"key": CORDON, "value": "", "effect": "NoSchedule"})
    for found in taints:
        if found["effect"] in {"NoSchedule", "NoExecute"} and True not in [
            tolerates(by, found) for by in pod["tolerations"]
        ]:
            return False
    return all(node["allocatable"].get(name, 0) >= amount for name, amount in pod["requests"].items())


@given(PODS, NODES)
def test_any_pod_on_any_node(pod, node):
    assert (obstacles(Pod.model_validate(pod), Node.model_validate(node)) == []) == may_run(pod, node)


@given(
    st.integers(0, 10**6), st.sampled_from(["n", "u", "m", "", "k", "M", "G", "Ki", "Mi", "Gi", "e2", "E-3"])
)
def test_a_quantity_is_its_number_times_its_scale(number, suffix):
    decimal = {"n": -9, "u": -6, "m": -3, "": 0, "k": 3, "M": 6, "G": 9, "e2": 2, "E-3": -3}
    scale = (
        Decimal(10) ** decimal[suffix]
        if suffix in decimal
        else Decimal(2) ** (10 * (1 + "KMG".index(suffix[0])))
    )
    assert parse_quantity(f"{number}{suffix}") == number * scale


@pytest.mark.parametrize(("text", "value"), [("1E", 10**18), ("1.5", 1.5), (".5", 0.5), ("2.", 2), (8, 8)])
def test_quantities_as_kubernetes_reads_them(text, value):
    assert parse_quantity(text) == value


@pytest.mark.parametrize(
    "text", ["", "one", "-1", "1 Gi", "1gi", "{{$.inputs.parameters['cpu']}}", "1e", "1e999", "Gi", "٣"]
)
def test_what_is_no_quantity_is_refused(text):
    with pytest.raises(ValueError, match="is not a quantity; write 500m, 15 or 16Gi"):
        parse_quantity(text)


def nodes(*texts):
    return f"version: 1\nnodes: [{', '.join(f'{{{text}}}' for text in texts)}]"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("nodes: []", "version: required field is missing"),
        (nodes(), "nodes: "),
        ("[]", "fleet: expected a mapping of fields, got list"),
        (nodes("name: a"), "nodes[0].allocatable: required field is missing"),
        (nodes("name: a, allocatable: {cpu: lots}"), "nodes[0].allocatable.cpu: 'lots' is not a quantity"),
        (
            nodes("name: a, label: {}, allocatable: {}"),
            "nodes[0].label: unknown field, did you mean 'labels'?",
        ),
        (
            nodes("name: a, labels: {x: true}, allocatable: {}"),
            "nodes[0].labels.x: expected a valid string, got True",
        ),
        (nodes("name: a, allocatable: {}", "name: a, allocatable: {}"), "nodes: 'a' stands twice; keep one"),
        (
            nodes("name: a, allocatable: {}, taints: [{key: a, effect: Never}]"),
            "nodes[0].taints[0].effect: expected",
        ),
    ],
)
def test_a_wrong_fleet_is_one_line_with_file_and_field(tmp_path, text, message):
    path = tmp_path / "fleet.yaml"
    path.write_text(text)
    with pytest.raises(SpecError) as raised:
        Fleet.load(path)
    assert str(raised.value).startswith(f"{path}: {message}")
    assert "\n" not in str(raised.value)


def test_an_operator_that_kubernetes_has_not_is_refused():
    with pytest.raises(ValidationError):
        Pod.model_validate(POD | terms([where("a", "Equals", "b")]))
