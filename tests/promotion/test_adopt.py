"""A registry is shared: what others made or set stays as it is until somebody adopts it."""

import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from inc_mlflow.errors import ForeignError, TrackingError
from inc_mlflow.promotion.adopt import adopt
from inc_mlflow.promotion.history import read_history
from inc_mlflow.promotion.process_request import process_untrusted_request
from inc_mlflow.promotion.review import Policy
from inc_mlflow.tracking.registry.champions import find_champion

pytestmark = pytest.mark.slow

PROGRAM = Path(sys.executable).with_name("inc-mlflow")
ALIAS = "int8-champion"
WHY = ("--reason", "why")


@pytest.fixture
def theirs(store, measured):
    """A registered model of somebody else's, with a version of an ONNX model and an alias named like ours."""
    logged = measured.track(store.folder / "theirs", session="theirs")
    model_id = logged.models[measured.judgement.table[2].sha256]
    store.client.create_registered_model("digits", tags={"team": "vision"}, description="Ours since 2019")
    store.client.create_model_version("digits", f"models:/{model_id}", tags={"by": "hand"})
    store.client.set_registered_model_alias("digits", ALIAS, "1")
    store.client.set_registered_model_alias("digits", "production", "1")
    return store


def state(store):
    model = store.client.get_registered_model("digits")
    versions = [
        (str(one.version), one.tags, one.source)
        for one in store.client.search_model_versions("name = 'digits'")
    ]
    return model.name, model.description, model.tags, model.aliases, versions


@pytest.mark.parametrize(
    "command",
    [
        ["promote", "--requested"],
        ["promote", "--run", "RUN"],
        ["history", "digits"],
        ["verify", "digits"],
        ["rollback", "digits", *WHY],
        ["freeze", "digits", *WHY],
        ["unfreeze", "digits", *WHY],
        ["unblock", "digits", "0" * 64, *WHY],
        ["approve", "RUN", *WHY],
        ["reject", "RUN", *WHY],
    ],
)
def test_no_command_touches_what_is_theirs(theirs, requested, call, command):
    before = state(theirs)
    code, _, err = call(*(requested if word == "RUN" else word for word in command))
    assert code in (2, 3), err
    assert "Traceback" not in err
    assert state(theirs) == before


def test_a_job_of_that_name_says_so_and_touches_nothing(theirs, measured, tmp_path):
    before = state(theirs)
    folder = shutil.copytree(
        measured.folder, tmp_path / "job", ignore=lambda _, names: {n for n in names if "." not in n}
    )
    done = subprocess.run([PROGRAM, "run", folder / "job.yaml"], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "exists and has no ledger, inc-mlflow did not make it" in done.stderr.splitlines()[-1]
    assert state(theirs) == before


def test_what_cannot_be_adopted_stays_theirs(theirs, tmp_path):
    theirs.client.create_model_version("digits", tmp_path.as_uri())  # of no logged model
    theirs.client.set_registered_model_alias("digits", "int8-champion-arm", "2")
    before = state(theirs)
    with pytest.raises(TrackingError, match="version 2: was not registered from a logged model") as raised:
        adopt(theirs.stores, "digits", "int8")
    assert str(raised.value).endswith("remove the alias, or choose another tracking.registered_model")
    with pytest.raises(
        TrackingError, match="nothing to adopt: nobody else set an alias team-champion or team-challenger"
    ) as raised:
        adopt(theirs.stores, "digits", "team")
    assert str(raised.value).endswith("for int8-champion give --prefix int8")
    assert state(theirs) == before


@pytest.fixture
def plain(store, tmp_path):
    """Somebody else's registered model without an alias of ours, and of no model that we could measure."""
    store.client.create_registered_model("digits", tags={"team": "vision"}, description="Ours since 2019")
    store.client.create_model_version("digits", tmp_path.as_uri(), tags={"by": "hand"})
    store.client.set_registered_model_alias("digits", "champion", "1")
    return store


def test_a_model_without_an_alias_of_ours_is_taken_over_with_an_empty_ledger(plain, requested):
    before = state(plain)
    with pytest.raises(ForeignError, match=r"choose another tracking\.registered_model") as raised:
        process_untrusted_request(plain.stores, requested, Policy())
    command = re.search("`inc-mlflow (promote --adopt [^`]+)`", str(raised.value))[1]
    assert shlex.split(command) == [
        "promote",
        "--adopt",
        "digits",
        "--tracking-uri",
        plain.stores.tracking_uri,
    ]
    assert adopt(plain.stores, "digits", "int8") == []
    assert read_history(plain.stores, "digits").entries == ()
    with pytest.raises(TrackingError, match="nothing to adopt"):
        adopt(plain.stores, "digits", "int8")
    decision = process_untrusted_request(plain.stores, requested, Policy())
    assert (decision.outcome, decision.version) == ("promoted", "2")
    name, description, _, aliases, versions = state(plain)
    assert (name, description) == before[:2]
    assert {alias: str(version) for alias, version in aliases.items()} == {"champion": "1", ALIAS: "2"}
    assert before[4][0] in versions


def test_adopted_it_is_the_champion_that_candidates_are_compared_with(theirs, requested, measured):
    before = state(theirs)
    (entry,) = adopt(theirs.stores, "digits", "int8")
    assert (entry.kind, entry.alias, entry.version, entry.before) == ("adopted", ALIAS, "1", None)
    assert entry.sha256 == measured.judgement.table[2].sha256
    name, description, tags, aliases, _ = state(theirs)
    assert (name, description, aliases) == (before[0], before[1], before[3])
    assert {tag: value for tag, value in tags.items() if not tag.startswith("inc.")} == before[2]
    assert read_history(theirs.stores, "digits").entry_of_alias(ALIAS).version == "1"
    decision = process_untrusted_request(theirs.stores, requested, Policy())
    assert (decision.outcome, decision.version, state(theirs)[3]["production"]) == ("promoted", "2", 1)


def test_an_alias_of_ours_that_others_set_first_stays(store, requested, measured):
    """The registered model is ours, but not the alias under another prefix."""
    store.promote("e" * 64)
    store.client.set_registered_model_alias("digits", "team-champion", "1")
    with pytest.raises(TrackingError, match=r"alias 'team-champion' \(version 1\) was not set by inc-mlflow"):
        find_champion(store.client, "digits", "team-champion")
