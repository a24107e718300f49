"""A pool's expectation holds on its own kind of machine and nowhere else, and never because something cannot
be told."""

from dataclasses import replace
from pathlib import Path

import pytest

from inc_mlflow.errors import HardwareError
from inc_mlflow.hardware import cpuinfo, pools
from inc_mlflow.hardware.expect import confirm_pool, describe_expect, is_met
from inc_mlflow.hardware.gpu import gpu_of
from inc_mlflow.hardware.isa.profiles import NAME
from inc_mlflow.hardware.probe import host_facts
from inc_mlflow.spec import CPU as CPU_PROVIDER
from inc_mlflow.spec import Expect, Job, JobSpec, PoolSpec
from inc_mlflow.spec.presets import definitions
from inc_mlflow.steps.compress.quantize import quantize
from inc_mlflow.steps.measure.benchmark import benchmark_models
from inc_mlflow.steps.measure.evaluate import evaluate, evaluate_models
from tests.support.fake_hardware import A100, GRAVITON_2, ICE_LAKE, ZEN_3, ZEN_4, cpu, gpu, no_gpu

KNOWN = definitions(None, Path())
CUDA = "CUDAExecutionProvider"


@pytest.mark.parametrize(
    ("text", "arch", "fits"),
    [
        (ICE_LAKE, "x86_64", ["intel"]),
        (ZEN_3, "x86_64", ["amd"]),
        (ZEN_4, "x86_64", ["amd-vnni"]),
        (GRAVITON_2, "aarch64", ["arm"]),
        (ICE_LAKE, "aarch64", []),
        (None, "x86_64", []),
        ("", "x86_64", []),
    ],
)
def test_each_kind_of_cpu_is_its_own_pool_and_no_other(monkeypatch, tmp_path, text, arch, fits):
    cpu(monkeypatch, tmp_path, text, arch)
    no_gpu(monkeypatch, tmp_path)
    assert pools.matching() == fits
    for name, pool in KNOWN.items():
        if name in {*fits, "system"}:
            confirm_pool(name, pool)
        else:
            with pytest.raises(HardwareError, match=rf"^pools: '{name}' expects .+, but this is .+; "):
                confirm_pool(name, pool)


def complaint(expect, pool="mine"):
    with pytest.raises(HardwareError) as raised:
        confirm_pool(pool, PoolSpec(expect=expect))
    return str(raised.value)


def test_all_that_does_not_hold_is_named_at_once_with_the_machine(monkeypatch, tmp_path):
    cpu(monkeypatch, tmp_path, ICE_LAKE)
    assert complaint(
        Expect(arch="aarch64", vendor="AMD", has=("avx2", "amx_int8"), lacks=("avx512_vnni", "sve"))
    ) == (
        "pools: 'mine' expects aarch64, vendor AMD, amx_int8, no avx512_vnni, but this is Xeon 8375C (x86_64, vendor Intel); "
        "measure on such a machine, or correct what the pool expects"
    )


def test_a_flag_that_must_not_be_there_is_also_found_as_kubernetes_labels_spell_it(monkeypatch, tmp_path):
    cpu(monkeypatch, tmp_path, ICE_LAKE)
    assert "expects no AVX512VNNI, but" in complaint(Expect(lacks=("AVX512VNNI",)))
    assert is_met(Expect(has=("AVX512VNNI",)))


def test_where_no_flag_can_be_read_none_is_known_to_be_missing(monkeypatch, tmp_path):
    cpu(monkeypatch, tmp_path, None)
    text = complaint(Expect(lacks=("avx512_vnni",)))
    assert "expects no avx512_vnni, but this is " in text
    assert "vendor not told), whose flags this system does not tell; " in text


def test_an_emulated_process_has_the_flags_that_onnxruntime_sees_and_says_what_it_is(monkeypatch, tmp_path):
    cpu(monkeypatch, tmp_path, ICE_LAKE)
    monkeypatch.setenv(NAME, "x86-avx2")
    assert is_met(Expect(has=("avx2",), lacks=("avx512_vnni", "avx512f")))
    assert (
        "expects vendor AMD, but this is Xeon 8375C, emulated x86-avx2 (x86_64, vendor Intel)"
        in complaint(KNOWN["amd"].expect)
    )
    assert "expects avx512_vnni, but" in complaint(KNOWN["intel"].expect)


def test_an_a100_is_one(monkeypatch, tmp_path):
    cpu(monkeypatch, tmp_path, ZEN_3)
    gpu(monkeypatch, tmp_path, A100, A100)
    confirm_pool("a100", KNOWN["a100"])
    assert pools.matching() == ["amd", "a100"]


@pytest.mark.parametrize(
    ("lines", "reason"),
    [
        (
            ["NVIDIA A100-SXM4-40GB, 8.0, Enabled"],
            "a whole GPU, but this is .+ with NVIDIA A100-SXM4-40GB, .+ 8.0, a MIG slice;",
        ),
        (["NVIDIA A100-SXM4-40GB, 8.0, [Insufficient Permissions]"], "a whole GPU, but"),
        (
            ["NVIDIA A10G, 8.6, [N/A]"],
            r"GPU A100, compute capability 8\.0, but this is .+ with NVIDIA A10G, compute",
        ),
        (["NVIDIA A100X, 8.0, Disabled"], "GPU A100, but"),
        (
            [A100, "Tesla T4, 7.5, [N/A]"],
            r"with no GPU that counts \(nvidia-smi: different GPUs \(NVIDIA A100.+; Tesla T4, .+\)",
        ),
        ([A100, "NVIDIA A100-SXM4-40GB, 8.0, Enabled"], "different GPUs"),
        ([""], "nvidia-smi: no GPU;"),
        (["No devices were found"], "'No devices were found' is not a GPU"),
    ],
)
def test_what_is_no_whole_a100_is_seen(monkeypatch, tmp_path, lines, reason):
    cpu(monkeypatch, tmp_path, ZEN_3)
    gpu(monkeypatch, tmp_path, *lines)
    with pytest.raises(HardwareError, match=rf"^pools: 'a100' expects .*{reason}"):
        confirm_pool("a100", KNOWN["a100"])


@pytest.mark.parametrize(
    ("code", "reason"), [(9, "nvidia-smi: Failed to initialize NVML; check"), (None, "nvidia-smi: not there")]
)
def test_a_gpu_that_cannot_be_asked_is_none(monkeypatch, tmp_path, code, reason):
    cpu(monkeypatch, tmp_path, ZEN_3)
    no_gpu(monkeypatch, tmp_path) if code is None else gpu(
        monkeypatch, tmp_path, "Failed to initialize NVML", code=code
    )
    with pytest.raises(
        HardwareError, match=rf"expects a whole GPU, GPU A100, compute capability 8\.0, but .*{reason}"
    ):
        confirm_pool("a100", KNOWN["a100"])


@pytest.mark.parametrize(
    ("part", "name", "holds"),
    [
        ("A100", "A100", True),
        ("A100", "NVIDIA A100-SXM4-40GB", True),
        ("A100", "A10 -A100", True),
        ("A100", "A1000 A100 x", True),
        ("A100", "NVIDIA A1000", False),
        ("A100", "xA100-40GB", False),
        ("A10", "NVIDIA A100-SXM4-40GB", False),
    ],
)
def test_a_part_of_a_gpus_name_is_whole_words(monkeypatch, tmp_path, part, name, holds):
    gpu(monkeypatch, tmp_path, f"{name}, 8.0, Disabled")
    assert is_met(Expect(gpu=part)) == holds


def test_an_expectation_is_told_in_words():
    assert (
        describe_expect(KNOWN["amd"].expect)
        == "x86_64, vendor AMD, avx2, no avx512f, no avx512_vnni, no avx_vnni"
    )
    assert describe_expect(Expect()) == ""


def test_another_maker_has_the_name_that_linux_gives(monkeypatch, tmp_path):
    cpu(monkeypatch, tmp_path, "vendor_id\t: HygonGenuine\n")
    assert cpuinfo.vendor() == "HygonGenuine"
    assert "vendor HygonGenuine" in complaint(Expect(vendor="AMD"))


def test_numbers_get_the_name_of_a_pool_only_where_it_is_proven(monkeypatch, tmp_path):
    cpu(monkeypatch, tmp_path, ICE_LAKE)
    assert (
        pools.proven_pool("intel", KNOWN["intel"])
        == pools.proven_pool_for_speed("intel", KNOWN["intel"])
        == "intel"
    )
    for place in (pools.proven_pool, pools.proven_pool_for_speed):
        with pytest.raises(HardwareError, match="'amd' expects vendor AMD"):
            place("amd", KNOWN["amd"])


def test_only_cpus_are_timed_and_only_cpus_stand_in_for_others(monkeypatch):
    a100 = PoolSpec(provider=CUDA)
    with pytest.raises(
        HardwareError, match=r"^pools: 'a100' runs models by cuda, and only the speed of CPUs is measured"
    ):
        pools.proven_pool_for_speed("a100", a100)
    monkeypatch.setenv(NAME, "x86-avx2")
    assert pools.proven_pool("local", PoolSpec(provider=CPU_PROVIDER)) == "emulated x86-avx2"
    with pytest.raises(HardwareError, match=r"^emulation of x86-avx2: pool 'a100' runs models by cuda"):
        pools.proven_pool("a100", a100)


JOB = """
{version: 1, name: a, model: a.onnx, metric: top1, recipes: auto, pools: [amd, {emulate: x86-avx2}],
 data: {calibration: {path: a.npz}, tuning: {path: a.npz}, validation: {path: a.npz}}}
"""


@pytest.mark.parametrize(
    "measure",
    [
        lambda job, place: evaluate(job, place, baseline=place, champion=place, candidates=place),
        lambda job, place: quantize(job, place, baseline=place, ranges=place),
        lambda job, place: evaluate_models(job, [], "validation", place),
        lambda job, place: benchmark_models(job, [], place),
    ],
    ids=["evaluate", "quantize", "evaluate_models", "benchmark_models"],
)
def test_what_measures_proves_its_pool_before_it_reads_anything(monkeypatch, tmp_path, measure):
    cpu(monkeypatch, tmp_path, ICE_LAKE)
    (tmp_path / "job.yaml").write_text(JOB)
    with pytest.raises(
        HardwareError, match="'amd' expects vendor AMD, no avx512f, no avx512_vnni, but this is Xeon 8375C"
    ):
        measure(Job.load(tmp_path / "job.yaml"), tmp_path / "place")


def test_without_a_gpu_to_ask_a_pool_of_gpus_measures_nothing(monkeypatch, tmp_path):
    no_gpu(monkeypatch, tmp_path)
    job = Job(JobSpec.from_text(JOB.replace("amd", "gpu")), tmp_path, on="gpu")
    placement = {"gpu": PoolSpec(provider=CUDA)}
    job = replace(job, spec=job.spec.model_copy(update={"placement": placement}))
    with pytest.raises(HardwareError, match=r"^nvidia-smi: not there"):
        evaluate_models(job, [], "validation", tmp_path / "place")


def test_the_gpu_is_part_of_the_hardware_where_numbers_depend_on_it(monkeypatch, tmp_path):
    gpu(monkeypatch, tmp_path, A100)
    told = "NVIDIA A100-SXM4-40GB, compute capability 8.0"
    assert (
        gpu_of(PoolSpec(provider=CUDA))
        == gpu_of(PoolSpec(expect=Expect(gpu="A100")))
        == host_facts(told).gpu
        == told
    )
    assert gpu_of(PoolSpec()) is None
