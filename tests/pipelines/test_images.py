"""Images: by digest, from the lock or a site's own registry, and what was pushed becomes the lock."""

import importlib.metadata
import importlib.util
import json
import re

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from inc_mlflow.errors import SpecError, UnknownNameError
from inc_mlflow.pipelines.images import LOCK, NOWHERE, reference, unpublished
from tests.support.paths import ROOT

IMAGES = ROOT / "components" / "images"
DIGEST = "sha256:" + "5a" * 32


@pytest.fixture
def locked(tmp_path, monkeypatch):
    path = tmp_path / "images.lock"
    path.write_text(
        f"onnxruntime: {{repository: registry.example:5000/ml, digest: {DIGEST}}}\n"
        "cuda: {repository: inc-mlflow}"
    )
    monkeypatch.setenv(LOCK, str(path))
    return path


@pytest.fixture(scope="module")
def lock():
    spec = importlib.util.spec_from_file_location("lock", ROOT / "k8s" / "images" / "lock.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_an_image_is_named_by_its_digest(locked):
    assert reference("onnxruntime") == f"registry.example:5000/ml/onnxruntime@{DIGEST}"


def test_a_site_with_its_own_registry_pulls_the_same_image(locked):
    assert reference("onnxruntime", "mirror.example/team") == f"mirror.example/team/onnxruntime@{DIGEST}"


def test_what_is_not_published_has_a_digest_that_nothing_has(locked):
    assert reference("cuda") == f"inc-mlflow/cuda@{NOWHERE}"
    assert reference("cuda", "mirror.example") == f"mirror.example/cuda@{NOWHERE}"
    assert unpublished(["cuda", "onnxruntime", "cuda"]) == ["cuda"]


def test_the_lock_of_the_repository_says_what_is_published(monkeypatch):
    monkeypatch.delenv(LOCK, raising=False)
    shipped = yaml.safe_load((ROOT / "images.lock").read_text())
    assert unpublished(shipped) == sorted(name for name, image in shipped.items() if image["digest"] is None)


def test_an_unknown_image_is_one_line(locked):
    with pytest.raises(
        UnknownNameError, match=r"^images: no 'onnxruntim', did you mean 'onnxruntime'\?; there are cuda, onn"
    ):
        reference("onnxruntim")
    with pytest.raises(UnknownNameError):
        unpublished(["onnxruntim"])


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (
            "onnxruntime: {repository: inc-mlflow, digest: latest}",
            "onnxruntime.digest: string should match .*got 'latest'",
        ),
        ("onnxruntime: {repository: inc-mlflow, tag: v1}", "onnxruntime.tag: unknown field"),
        ("onnxruntime: {repository: 'https://registry.example', digest: null}", "onnxruntime.repository: "),
        ("onnxruntime: {digest: null}", "onnxruntime.repository: required field is missing"),
        ("[onnxruntime]", "images: expected a mapping"),
    ],
)
def test_a_wrong_lock_is_one_line_that_names_file_and_field(locked, text, says):
    locked.write_text(text)
    with pytest.raises(SpecError, match=f"^{re.escape(str(locked))}: {says}") as caught:
        reference("onnxruntime")
    assert "\n" not in str(caught.value)


def test_a_lock_that_is_not_there_is_one_line(tmp_path, monkeypatch):
    monkeypatch.setenv(LOCK, str(tmp_path / "none.lock"))
    with pytest.raises(SpecError, match=r"give the path of a lock of images$"):
        reference("onnxruntime")


@pytest.mark.parametrize(
    "registry", ["https://mirror.example", "mirror.example/", "mirror.example/a@sha256:1", "mirror:tag/x"]
)
def test_what_is_no_registry_is_refused(locked, registry):
    with pytest.raises(SpecError, match=r"^image registry: .* is none; give HOST\[:PORT\]\[/PATH\]"):
        reference("onnxruntime", registry)


REGISTRY = st.from_regex(
    r"[a-z0-9]{1,9}(\.[a-z0-9]{1,5})?(:[0-9]{2,5})?(/[a-z0-9]{1,5}){0,2}", fullmatch=True
)
BUILT = st.fixed_dictionaries(
    {"registry": REGISTRY, "digest": st.from_regex(r"sha256:[0-9a-f]{64}", fullmatch=True)}
)


@given(
    built=st.dictionaries(
        st.sampled_from(["onnxruntime", "cuda", "mlflow", "openvino", "pytorch", "tensorflow"]),
        BUILT,
        min_size=1,
    )
)
def test_what_was_pushed_is_what_packages_name(lock, tmp_path_factory, built):
    """The metadata file has the form that `docker buildx bake --metadata-file` writes."""
    metadata = {"buildx.build.warnings": []} | {
        name: {
            "containerimage.digest": one["digest"],
            "image.name": f"{one['registry']}/{name}:0.1.0,other.example/{name}",
        }
        for name, one in built.items()
    }
    path = tmp_path_factory.mktemp("lock") / "images.lock"
    path.write_text(yaml.safe_dump(lock.read(json.loads(json.dumps(metadata)))))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(LOCK, str(path))
        assert {name: reference(name) for name in built} == {
            name: f"{one['registry']}/{name}@{one['digest']}" for name, one in built.items()
        }


def test_what_was_pushed_goes_into_the_manifests_too(lock):
    pushed = {"mlflow": {"containerimage.digest": DIGEST, "image.name": "registry.example/ml/mlflow:0.1.0"}}
    assert lock.kustomization(lock.read(pushed))["images"] == [
        {"name": "inc-mlflow/mlflow", "newName": "registry.example/ml/mlflow", "digest": DIGEST}
    ]


@pytest.mark.parametrize(
    ("metadata", "says"),
    [
        ({"mlflow": {"image.name": "a/mlflow:1"}}, "no target has a digest"),
        (
            {"mlflow": {"containerimage.digest": DIGEST, "image.name": "a/server:1"}},
            "is no image of the target mlflow",
        ),
    ],
)
def test_metadata_without_a_push_is_refused(lock, metadata, says):
    with pytest.raises(SystemExit, match=says):
        lock.read(metadata)


def test_lock_dockerfiles_and_bake_file_name_the_same_images():
    names = {path.name.removesuffix(".Dockerfile") for path in IMAGES.glob("*.Dockerfile")}
    bake = (ROOT / "docker-bake.hcl").read_text()
    assert set(yaml.safe_load((ROOT / "images.lock").read_text())) == names
    assert set(re.findall(r'^target "([a-z]+)"', bake, re.MULTILINE)) == names
    assert set(re.findall(r'"components/images/([a-z]+)\.Dockerfile"|\$\{REGISTRY\}/([a-z]+):', bake)) == {
        *((name, "") for name in names),
        *(("", name) for name in names),
    }


@pytest.mark.parametrize("path", sorted(IMAGES.glob("*.Dockerfile")), ids=lambda path: path.stem)
def test_an_image_has_a_numeric_user_and_a_command_from_the_pipeline(path):
    text = path.read_text()
    base = re.search(r"^FROM \$\{ONNXRUNTIME_IMAGE\}$", text, re.MULTILINE)
    assert base or re.findall(r"^USER (.+)$", text, re.MULTILINE)[-1] == "10001:10001"
    assert not re.search(r"^(ENTRYPOINT|CMD|ADD)\b", text, re.MULTILINE)
    last = text[text.rindex("\nFROM ") :]
    assert "\nRUN" not in last
    assert "install" not in last


def needed(requirement):
    """Return every distribution that a requirement brings, as far as it is installed here."""
    found, open_ = set(), [Requirement(requirement)]
    while open_:
        one = open_.pop()
        key = canonicalize_name(one.name), frozenset(one.extras)
        if key in found:
            continue
        found.add(key)
        environments = [{"extra": extra} for extra in ("", *one.extras)]
        for text in importlib.metadata.requires(one.name) or []:
            below = Requirement(text)
            if below.marker is None or any(
                below.marker.evaluate(environment) for environment in environments
            ):
                open_.append(below)
    return {name for name, _ in found}


def lines_of(path):
    return {line for line in path.read_text().splitlines() if not line.startswith("#")}


def pinned(path):
    lines = [re.split(r"\s*#", line)[0].strip() for line in path.read_text().splitlines()]
    exact = [re.fullmatch(r"([A-Za-z0-9._-]+)==[^*]+", line) for line in lines]
    return {canonicalize_name(match[1]) for match in exact if match}


def test_everything_that_the_images_install_is_pinned():
    constraints = pinned(ROOT / "constraints.txt")
    assert needed("inc-mlflow[vision,text,detection,language]") - {"inc-mlflow"} <= constraints
    extra = set().union(*map(needed, ("torch", "onnxscript", "safetensors", "torch-pruning", "kubeflow")))
    base = needed("inc-mlflow[vision,text,detection,language]")
    assert extra - base == pinned(IMAGES / "pytorch.txt")
    assert needed("openvino") - base == pinned(IMAGES / "openvino.txt")
    assert lines_of(IMAGES / "openvino.txt") <= lines_of(ROOT / "constraints.txt")
    assert lines_of(IMAGES / "tensorflow.txt") <= lines_of(ROOT / "constraints.txt")
    assert lines_of(IMAGES / "pytorch.txt") <= lines_of(ROOT / "constraints.txt")
    assert needed("mlflow") | needed("boto3") <= constraints | pinned(IMAGES / "mlflow.txt")
    lines = [line for line in (IMAGES / "cuda.txt").read_text().splitlines() if not line.startswith("#")]
    assert len(pinned(IMAGES / "cuda.txt")) == len(lines)
