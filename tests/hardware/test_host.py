"""Which machine made a number, and which numbers may stand together."""

import pytest

from inc_mlflow.hardware.probe import INSTANCE_TYPE, host_facts, instance_type
from inc_mlflow.records import HostFacts

HOST = HostFacts(
    cpu="Xeon", isa=("avx2", "avx512_vnni"), gpu=None, cores=4, system="Linux x86_64", runtime={"onnxruntime": "1"},
    instance_type="c6i.large", governor="performance", max_mhz=3500.0,
)  # fmt: skip


@pytest.mark.parametrize(
    "change",
    [
        {"cpu": "EPYC"},
        {"isa": ("avx2",)},
        {"gpu": "NVIDIA A100, compute capability 8.0"},
        {"instance_type": "c6a.large"},
        {"instance_type": None},
    ],
)
def test_another_cpu_or_instance_type_is_other_hardware(change):
    other = HOST.model_copy(update=change)
    assert not HOST.same_hardware(other)
    assert not other.same_hardware(HOST)


@pytest.mark.parametrize("change", [{}, {"cores": 2}, {"runtime": {}}, {"governor": None}, {"max_mhz": None}])
def test_what_a_container_or_a_version_changes_is_not_the_hardware(change):
    assert HOST.same_hardware(HOST.model_copy(update=change))


@pytest.mark.parametrize(
    ("environment", "vendor", "product", "known"),
    [
        ({INSTANCE_TYPE: "n2-standard-8"}, "Amazon EC2", "c6i.large", "n2-standard-8"),
        ({}, "Amazon EC2", "c6i.large\n", "c6i.large"),
        ({}, "QEMU", "Standard PC (Q35 + ICH9, 2009)", None),
        ({INSTANCE_TYPE: ""}, None, None, None),
    ],
)
def test_the_instance_type_is_what_the_user_or_ec2_says(tmp_path, environment, vendor, product, known):
    if vendor:
        (tmp_path / "sys_vendor").write_text(f"{vendor}\n")
        (tmp_path / "product_name").write_text(product)
    assert instance_type(environment, tmp_path) == known


def test_this_host_is_its_own_hardware(monkeypatch):
    monkeypatch.setenv(INSTANCE_TYPE, "a")
    assert host_facts().same_hardware(host_facts())
    assert host_facts().instance_type == "a"
