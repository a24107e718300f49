"""What pools are: presets, files with own pools over them, and how they come into a job."""

import pytest
import yaml

from inc_mlflow.errors import IncError, SpecError, UnknownNameError
from inc_mlflow.spec import Expression, JobSpec, PoolSpec, Toleration
from inc_mlflow.spec.presets import definitions, presets

MEASURED = ["intel", "amd", "amd-vnni", "arm", "a100"]
KARPENTER = ("karpenter.sh/", "karpenter.k8s.aws/", "kubernetes.io/arch")
JOB = """
version: 1
name: a
model: a.onnx
data: {validation: {path: a.npz}}
metric: top1
recipes: [{method: dynamic}]
"""


@pytest.fixture
def own(tmp_path):
    """Write a file with own pools and return what it defines."""

    def inner(text):
        (tmp_path / "own.yaml").write_text(text)
        return definitions("own.yaml", tmp_path)

    return inner


@pytest.fixture
def job(tmp_path):
    """Write a job with more lines than JOB and load it."""

    def inner(text, **options):
        (tmp_path / "job.yaml").write_text(JOB + text)
        return JobSpec.load(tmp_path / "job.yaml", **options)

    return inner


def labels(pool):
    return {*pool.selector, *(expression.key for expression in pool.required)}


def test_the_presets():
    assert presets() == ["aks", "eks", "gke", "karpenter", "nfd", "on-premises"]


@pytest.mark.parametrize("preset", presets())
def test_a_preset_has_all_pools_and_only_the_measured_ones_are_tainted(preset, tmp_path):
    pools = definitions(preset, tmp_path)
    assert list(pools) == ["system", *MEASURED]
    assert pools["system"].tolerations == ()
    for name in MEASURED:
        assert Toleration(key="inc-mlflow/pool", value=name) in pools[name].tolerations
        assert (
            pools[name].expect.arch
            == {"arm64": "aarch64", "amd64": "x86_64"}[pools[name].selector["kubernetes.io/arch"]]
        )


@pytest.mark.parametrize("preset", presets())
def test_what_hardware_is_does_not_depend_on_the_cluster(preset, tmp_path):
    fields = {"cpu", "memory", "exclusive", "gpu", "image", "provider", "expect", "role"}
    here, there = definitions(preset, tmp_path), definitions("nfd", tmp_path)
    assert {name: pool.model_dump(include=fields) for name, pool in here.items()} == {
        name: pool.model_dump(include=fields) for name, pool in there.items()
    }


@pytest.mark.parametrize("preset", presets())
def test_taints_of_clouds_are_tolerated(preset, tmp_path):
    pools = definitions(preset, tmp_path)
    assert Toleration(key="kubernetes.io/arch", value="arm64") in pools["arm"].tolerations
    assert Toleration(key="nvidia.com/gpu", operator="Exists") in pools["a100"].tolerations
    assert (Toleration(key="sku", value="gpu") in pools["a100"].tolerations) == (preset == "aks")


def test_our_own_label_is_asked_of_nodes_on_premises_only(tmp_path):
    asking = {name for name in presets() if "inc-mlflow/pool" in labels(definitions(name, tmp_path)["intel"])}
    assert asking == {"on-premises"}


def test_karpenter_knows_every_label_it_is_asked_for(tmp_path):
    for pool in definitions("karpenter", tmp_path).values():
        assert all(label.startswith(KARPENTER) for label in labels(pool))


def test_agent_pools_of_azure_have_names_that_azure_takes(tmp_path):
    names = [
        pool.selector["kubernetes.azure.com/agentpool"] for pool in definitions("aks", tmp_path).values()
    ]
    assert all(name.isalnum() and name.islower() and len(name) <= 12 for name in names)


def test_labels_keep_vnni_out_of_amd_where_labels_can_say_it(tmp_path):
    absent = {
        e.key.rpartition(".")[2]
        for e in definitions("nfd", tmp_path)["amd"].required
        if e.operator == "DoesNotExist"
    }
    assert absent == {"AVX512VNNI", "AVXVNNI"}
    assert {"avx512_vnni", "avx_vnni"} <= set(definitions("eks", tmp_path)["amd"].expect.lacks)


def test_an_own_file_lays_single_fields_over_a_preset(own, tmp_path):
    pools = own(
        "version: 1\npreset: eks\n"
        "pools: {intel: {exclusive: 31, selector: {eks.amazonaws.com/nodegroup: big}}}"
    )
    preset = definitions("eks", tmp_path)
    assert pools["intel"] == preset["intel"].model_copy(
        update={"exclusive": 31, "selector": {"eks.amazonaws.com/nodegroup": "big"}}
    )
    assert {name: pool for name, pool in pools.items() if name != "intel"} == {
        name: pool for name, pool in preset.items() if name != "intel"
    }


def test_an_own_file_without_a_preset_keeps_what_the_hardware_is(own, tmp_path):
    pools = own(
        "version: 1\n"
        "pools: {intel: {selector: {zone: lab}}, tpu: {selector: {zone: hall}, role: informative}}"
    )
    assert list(pools) == ["intel", "tpu"]
    assert pools["intel"].expect == definitions("eks", tmp_path)["intel"].expect
    assert pools["tpu"] == PoolSpec(selector={"zone": "hall"}, role="informative")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("pools: {}", "version: required field is missing"),
        ("version: 1\npools: {Big: {}}", "pools.Big"),
        (
            "version: 1\npreset: esk\npools: {}",
            "preset: no 'esk', did you mean 'eks'?; there are aks, eks, gke",
        ),
        ("version: 1\npool: {}", "pool: unknown field, did you mean 'pools'?"),
        (
            "version: 1\npools: {x: {selektor: {}}}",
            "pools.x.selektor: unknown field, did you mean 'selector'?",
        ),
        (
            "version: 1\npools: {x: {selector: {a: true}}}",
            "pools.x.selector.a: expected a valid string, got True",
        ),
        (
            "version: 1\npools: {x: {selector: {a: b}, cpu: 0.5}}",
            "pools.x.cpu: expected a valid integer, got 0.5",
        ),
        ("version: 1\npools: {x: {selector: {a: b}, memory: 8G}}", "pools.x.memory: "),
        (
            "version: 1\npools: {x: {required: [{key: a, operator: Is}]}}",
            "pools.x.required[0].operator: expected 'In', ",
        ),
        (
            "version: 1\npools: {x: {required: [{key: a, operator: In}]}}",
            "pools.x.required[0]: In takes values",
        ),
        (
            "version: 1\npools: {x: {required: [{key: a, operator: Exists, values: [b]}]}}",
            "pools.x.required[0]: Exists takes",
        ),
        (
            "version: 1\npools: {x: {required: [{key: a, operator: Gt, values: [a, b]}]}}",
            "pools.x.required[0]: Gt takes one",
        ),
        ("version: 1\npools: {x: {tolerations: [{key: a}]}}", "pools.x.tolerations[0]: Equal needs a value"),
        (
            "version: 1\npools: {x: {tolerations: [{key: a, operator: Exists, value: b}]}}",
            "pools.x.tolerations[0]: Equal",
        ),
        ("version: 1\npools: {local: {selector: {a: b}}}", "pools.local: is any machine"),
        ("- 1", "pools: expected a mapping of fields, got list"),
        ("a: [", "pools: not YAML"),
    ],
)
def test_a_wrong_file_is_one_line_with_file_and_field(own, tmp_path, text, message):
    with pytest.raises(SpecError) as raised:
        own(text)
    assert str(raised.value).startswith(f"{tmp_path / 'own.yaml'}: {message}")
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    ("source", "message"),
    [
        (
            "karpentr",
            "placement: no 'karpentr', did you mean 'karpenter'?; there are aks, eks, gke, karpenter, nfd",
        ),
        ("hardware", "placement: no 'hardware'"),
        (
            "gone.yaml",
            "gone.yaml: cannot be read (No such file or directory); give the path of a file with pools",
        ),
    ],
)
def test_a_source_that_is_not_there_is_one_line(tmp_path, source, message):
    with pytest.raises(IncError) as raised:
        definitions(source, tmp_path)
    assert message in str(raised.value)


def test_a_job_takes_its_pools_in(job, tmp_path):
    spec = job("pools: [amd, a100]\nplacement: eks")
    known = definitions("eks", tmp_path)
    assert spec.placement == {name: known[name] for name in ("amd", "a100", "system")}
    assert spec.gate.pools["a100"].role == "accuracy_only"
    assert JobSpec.from_text(spec.to_text()) == spec


def test_a_job_on_this_machine_has_no_pools_in_its_text(job):
    assert job("placement: eks").placement == {}
    assert job("placement: eks").to_text() == job("").to_text()


def test_the_command_line_comes_before_the_job(job, tmp_path):
    assert (
        job("pools: [amd]\nplacement: eks", placement="gke").placement["amd"]
        == definitions("gke", tmp_path)["amd"]
    )


def test_the_default_preset_goes_by_what_hardware_is(job, tmp_path):
    assert job("pools: [amd]").placement["amd"] == definitions("nfd", tmp_path)["amd"]


def test_a_pool_that_is_not_known_is_one_line(job):
    with pytest.raises(
        UnknownNameError, match=r"pools: no 'amd-vni', did you mean 'amd-vnni'\?; there are local, a100, amd"
    ):
        job("pools: [amd-vni]")


def test_a_role_of_the_gate_comes_before_that_of_the_pool(job):
    assert (
        job("pools: [a100]\ngate: {pools: {a100: {role: informative}}}").gate.pools["a100"].role
        == "informative"
    )


def test_an_expression_reads_as_it_is_said():
    assert str(Expression(key="zone", operator="NotIn", values=("a", "b"))) == "zone NotIn a, b"
    assert str(Expression(key="vnni", operator="DoesNotExist")) == "vnni DoesNotExist"


def test_what_a_pool_is_survives_yaml(tmp_path):
    for name, pool in definitions("nfd", tmp_path).items():
        whole = yaml.safe_load(yaml.safe_dump({name: pool.model_dump(mode="json", exclude_none=True)}))
        assert PoolSpec.model_validate(whole[name]) == pool
