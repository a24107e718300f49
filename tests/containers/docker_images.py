"""Images built from a locally made base: no registry of images is asked."""

import functools
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

import pytest

from tests.support.paths import ROOT

SUITE = "bookworm"
BASE, BUILD_BASE = f"inc-mlflow-base:{SUITE}", f"inc-mlflow-build-base:{SUITE}"
CERTIFICATES, PIP = Path("/etc/ssl/certs/ca-certificates.crt"), Path("/etc/pip.conf")


def docker(*arguments: object, check: bool = True, **options: object) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        ["docker", *map(str, arguments)], capture_output=True, text=True, check=False, **options
    )
    assert done.returncode == 0 or not check, f"docker {arguments[0]}: {done.stderr[-3000:]}"
    return done


def need_engine() -> None:
    if shutil.which("docker") is None:
        pytest.skip("no container engine: docker is not installed")
    if (asked := docker("info", check=False)).returncode:
        pytest.skip(f"no container engine runs: {' '.join(asked.stderr.split())[-200:]}")


@functools.cache
def image(name: str) -> str:
    """Build an image as the Makefile does, but from our own base, and return its tag."""
    tag = f"inc-mlflow-test/{name}:0.1.0"
    arguments = [f"--build-arg={key}={value}" for key, value in _bases().items()]
    dockerfile = ROOT / "components" / "images" / f"{name}.Dockerfile"
    docker("build", "--quiet", "--network=host", f"--file={dockerfile}", f"--tag={tag}", *arguments, ROOT)
    return tag


@functools.cache
def _bases() -> dict[str, str]:
    """Make what stands for python:slim, and what has pip and a compiler on top.

    An earlier run's are taken again.
    """
    for tag, make in ((BASE, _make_base), (BUILD_BASE, _make_build_base)):
        if docker("image", "inspect", tag, check=False).returncode:
            make(tag)
    return {"PYTHON_IMAGE": BASE, "BUILD_IMAGE": BUILD_BASE}


def _make_base(tag: str) -> None:
    if shutil.which("debootstrap") is None or os.geteuid() != 0:
        pytest.skip("no base image: it is made by debootstrap (apt install debootstrap) as root")
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder) / "root"
        command = ["debootstrap", "--variant=minbase", "--include=python3,ca-certificates", SUITE, root]
        made = subprocess.run(command, capture_output=True, text=True, check=False)
        if made.returncode:
            pytest.skip(f"no base image: debootstrap failed: {made.stdout[-200:]}")
        if CERTIFICATES.exists():  # this machine's: a proxy's among them
            shutil.copyfile(CERTIFICATES, root / CERTIFICATES.relative_to("/"))
        archive = Path(folder) / "root.tar"
        subprocess.run(["tar", "-C", root, "-cf", archive, "."], check=True)
        docker("import", "--change", "ENV PATH=/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin", archive, tag)


def _make_build_base(tag: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "pip.conf").write_text(PIP.read_text() if PIP.exists() else "")
        lines = [
            f"FROM {BASE}",
            "COPY pip.conf /etc/pip.conf",
            "RUN apt-get update && apt-get install --yes --no-install-recommends "
            "gcc libc6-dev python3-dev python3-pip",
        ]
        (Path(folder) / "Dockerfile").write_text("\n".join(lines))
        docker("build", "--quiet", "--network=host", f"--tag={tag}", folder)
