"""Pools of a job: how they are written, what is refused, and what an emulated one lacks."""

import json
import platform
from pathlib import Path

import pytest

from inc_mlflow.engines.onnxruntime.emulation import check, confirm, needs
from inc_mlflow.errors import HardwareError, MissingExtraError, SpecError, UnknownNameError
from inc_mlflow.hardware import pools
from inc_mlflow.hardware.isa import PROFILES
from inc_mlflow.hardware.isa.profiles import NAME
from inc_mlflow.spec import ISAS, Emulated, Expect, Job, JobSpec, PoolSpec, parse_isa

JOB = {
    "version": 1,
    "name": "digits",
    "model": "fp32.onnx",
    "data": {"validation": {"path": "dev.npz"}},
    "metric": "top1",
    "recipes": [{"method": "dynamic"}],
}


def read(*names):
    return JobSpec.from_text(json.dumps(JOB | {"pools": list(names)}))


def test_an_emulated_pool_stands_beside_a_real_one_and_reads_back():
    job = read("local", {"emulate": "x86-avx2"}, {"emulate": "x86-vnni"})
    assert job.pools == ("local", Emulated(emulate="x86-avx2"), Emulated(emulate="x86-vnni"))
    assert (job.pool, job.emulated) == ("local", ("x86-avx2", "x86-vnni"))
    assert json.loads(job.to_text())["pools"] == ["local", {"emulate": "x86-avx2"}, {"emulate": "x86-vnni"}]
    assert JobSpec.from_text(job.to_text()) == job


REAL_FIRST = (
    "job: pools: an emulated instruction set never satisfies a required pool; begin with a real one, "
    "as [local, {emulate: x86-avx2}]"
)


@pytest.mark.parametrize(
    ("names", "message"),
    [
        ([{"emulate": "x86-avx2"}], REAL_FIRST),
        ([{"emulate": "x86-avx2"}, "local"], REAL_FIRST),
        (
            ["local", {"emulate": "x86-avx2"}, {"emulate": "x86-avx2"}],
            "job: pools: 'x86-avx2' stands twice; keep one",
        ),
        (["local", "local"], "job: pools: 'local' stands twice; keep one"),
        (
            ["local", {"emulate": "x86-avx3"}],
            "pools[1].emulate: expected 'x86-avx2', 'x86-avx512' or 'x86-vnni', got 'x86-avx3'",
        ),
        (
            ["local", {"emulat": "x86-avx2"}],
            "pools[1].emulat: unknown field, did you mean 'emulate'?; allowed are emulate",
        ),
        (["local", {}], "pools[1].emulate: required field is missing"),
        (["local", 3], "pools[1]: expected a valid string, got 3"),
    ],
)
def test_wrong_pools_are_refused_in_one_line(names, message):
    with pytest.raises(SpecError) as raised:
        read(*names)
    assert str(raised.value) == message


@pytest.mark.parametrize(
    ("names", "valid"),
    [
        (["local"], True),
        (["local", {"emulate": "x86-avx2"}], True),
        ([{"emulate": "sse"}], False),
        ([7], False),
    ],
)
def test_the_json_schema_knows_both_kinds(names, valid):
    jsonschema = pytest.importorskip("jsonschema")
    assert (
        jsonschema.Draft202012Validator(JobSpec.model_json_schema()).is_valid(JOB | {"pools": names}) == valid
    )


def test_every_name_of_the_job_has_its_profile():
    assert set(PROFILES) == set(ISAS)
    assert all(profile.name == name for name, profile in PROFILES.items())


def test_all_pools_are_listed_with_what_they_expect():
    names = [
        "local",
        "intel",
        "amd",
        "amd-vnni",
        "arm",
        "a100",
        *(f"{{emulate: {name}}}" for name in PROFILES),
    ]
    assert list(pools.summaries()) == names
    assert pools.summaries()["amd"] == "x86_64, vendor AMD, avx2, no avx512f, no avx512_vnni, no avx_vnni"
    assert pools.summaries()["a100"] == "x86_64, a whole GPU, GPU A100, compute capability 8.0; accuracy only"


def test_a_name_on_the_command_line_is_suggested():
    with pytest.raises(
        UnknownNameError, match=r"^--isa: no 'avx2', did you mean 'x86-avx2'\?; there are x86-avx2, "
    ):
        parse_isa("avx2")


def test_all_that_is_missing_is_listed_at_once(monkeypatch):
    monkeypatch.setattr(needs.platform, "machine", lambda: "arm64")
    monkeypatch.setattr(needs.shutil, "which", lambda _: None)
    monkeypatch.setattr(needs, "cpu_flags", lambda: frozenset({"avx2"}))
    with pytest.raises(MissingExtraError) as raised:
        pools.check_machine(("local", Emulated(emulate="x86-vnni")), {}, check)
    assert str(raised.value) == (
        "emulation of x86-vnni: not available here: needs x86-64 Linux, a C compiler (cc, gcc or clang), "
        "objdump (binutils), a CPU with avx512_vnni, a CPU with avx512bw, a CPU with avx512dq, a CPU with avx512f, a CPU with avx512vl"
    )


@pytest.mark.parametrize(("name", "flags"), [("x86-avx2", {"sse2"}), ("x86-avx512", {"avx2"})])
def test_a_cpu_cannot_be_more_than_it_is(monkeypatch, name, flags):
    monkeypatch.setattr(needs, "cpu_flags", lambda: frozenset(flags))
    with pytest.raises(MissingExtraError, match=r"needs .*a CPU with avx"):
        check(name)


def test_numbers_of_an_emulated_process_are_called_so(monkeypatch):
    monkeypatch.delenv(NAME, raising=False)
    assert pools.proven_pool("local", PoolSpec()) == "local"
    monkeypatch.setenv(NAME, "x86-avx2")
    assert pools.proven_pool("local", PoolSpec()) == "emulated x86-avx2"


def test_an_environment_alone_makes_no_emulation():
    with pytest.raises(HardwareError, match="was not asked through the handler; nothing was measured"):
        confirm(PROFILES["x86-avx2"], saturates=True)


def test_a_job_runs_here_only_where_this_machine_is_all_of_its_pools():
    mine, other = (
        PoolSpec(expect=Expect(arch=platform.machine())),
        PoolSpec(expect=Expect(lacks=("avx2", "asimd"))),
    )
    pools.check_machine(("local", "mine"), {"mine": mine}, check)
    with pytest.raises(
        HardwareError,
        match=r"^pools: 'other' expects no .+, but this is .+; submit the job to a cluster, or wri",
    ):
        pools.check_machine(("mine", "other"), {"mine": mine, "other": other}, check)


def test_a_pool_that_the_jobs_text_does_not_describe_proves_nothing():
    with pytest.raises(SpecError, match=r"^placement: does not say what the pool 'amd' is"):
        _ = Job(read("amd"), Path()).hardware
    assert Job(read("local"), Path()).hardware == PoolSpec()
