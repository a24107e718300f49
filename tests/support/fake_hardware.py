"""Machines that tests stand on: what /proc/cpuinfo and nvidia-smi would say there."""

from inc_mlflow.hardware import cpuinfo, expect

ICE_LAKE = (
    "vendor_id\t: GenuineIntel\nmodel name\t: Xeon 8375C\nflags\t\t: avx2 avx512f avx512_vnni\n"
    "\nprocessor\t: 1\n"
)
ZEN_3 = "vendor_id\t: AuthenticAMD\nmodel name\t: EPYC 7R13\nflags\t\t: avx2\n"
ZEN_4 = "vendor_id\t: AuthenticAMD\nmodel name\t: EPYC 9R14\nflags\t\t: avx2 avx512f avx512_vnni\n"
GRAVITON_2 = "BogoMIPS\t: 243.75\nFeatures\t: fp asimd asimddp\nCPU implementer\t: 0x41\nCPU part\t: 0xd0c\n"
A100 = "NVIDIA A100-SXM4-40GB, 8.0, Disabled"


def cpu(monkeypatch, tmp_path, text, arch="x86_64"):
    """Be on a CPU; None where the system has no /proc."""
    file = tmp_path / "cpuinfo"
    if text is not None:
        file.write_text(text)
    monkeypatch.setattr(cpuinfo, "_CPUINFO", file)
    monkeypatch.setattr(expect.platform, "machine", lambda: arch)


def gpu(monkeypatch, tmp_path, *lines, code=0):
    """Have an nvidia-smi on the path that prints these lines.

    Only what it is asked for by this package is answered.
    """
    folder = tmp_path / "bin"
    folder.mkdir(exist_ok=True)
    program = folder / "nvidia-smi"
    asked = "--query-gpu=name,compute_cap,mig.mode.current --format=csv,noheader"
    answer = "\n".join(lines)
    program.write_text(f'#!/bin/sh\n[ "$*" = "{asked}" ] || exit 9\nprintf "%s\\n" "{answer}"\nexit {code}\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(folder))


def no_gpu(monkeypatch, tmp_path):
    """Have no nvidia-smi."""
    monkeypatch.setenv("PATH", str(tmp_path / "nothing"))
