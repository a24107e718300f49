"""Whose turn it is: nobody's while the last entry is not applied, or a claim may be live."""

import os
import subprocess
import sys
from dataclasses import replace

import psutil
import pytest

from inc_mlflow.errors import LedgerError
from inc_mlflow.records.ledger import START, LedgerEntry
from inc_mlflow.tracking.registry.ledger import Ledger, key_of
from inc_mlflow.tracking.registry.ledger_turn import LEASE, Claimant, next_claim, this_host

GATE = "a" * 32
FIRST, SECOND = f"claim.{key_of(1)}.1", f"claim.{key_of(2)}.1"


@pytest.fixture(scope="module")
def dead():
    """A process of this host that ended."""
    ended = subprocess.Popen([sys.executable, "-c", ""])
    started = psutil.Process(ended.pid).create_time()
    ended.wait()
    return ended.pid, started


def claim(gate=GATE, host=None, process=None):
    pid, started = process or (os.getpid(), psutil.Process().create_time())
    return Claimant(gate=gate, host=host or this_host(), pid=pid, started=started).model_dump_json()


def ledger(settled=1, **params):
    entry = LedgerEntry(
        number=1,
        previous=START,
        kind="frozen",
        registered_model="digits",
        at="2026-01-01T00:00:00+00:00",
        who="g",
        gate=GATE,
    )
    return Ledger("digits", "run", (entry,), {FIRST: claim()} | params, {}, settled)


def test_the_next_entry_is_free_once_the_registry_follows_the_last():
    assert next_claim(ledger(), {}) == SECOND


def test_a_turn_lasts_until_its_alias_stands_where_its_entry_says():
    """Else a call of the first gate that is slow undoes what the next one does."""
    seen = {}
    assert next_claim(ledger(settled=0), seen) is None
    seen[FIRST] -= LEASE + 1
    assert next_claim(ledger(settled=0), seen) == SECOND


def test_a_claim_of_another_gate_on_that_entry_says_nothing():
    rival = {f"claim.{key_of(1)}.2": claim("b" * 32), f"claim.{key_of(1)}.2.free": "b" * 32}
    assert next_claim(ledger(settled=0, **rival), {}) is None


def test_who_died_here_is_followed_at_once(dead):
    assert next_claim(ledger(settled=0, **{FIRST: claim(process=dead)}), {}) == SECOND
    assert next_claim(ledger(**{SECOND: claim(process=dead)}), {}) == f"claim.{key_of(2)}.2"
    assert next_claim(ledger(**{SECOND: claim(process=dead, host="elsewhere")}), {}) is None


def test_who_works_or_gave_up_is_known():
    assert next_claim(ledger(**{SECOND: claim()}), {}) is None
    assert next_claim(ledger(**{SECOND: claim(), f"{SECOND}.free": GATE}), {}) == f"claim.{key_of(2)}.2"


def test_a_param_that_only_looks_like_a_claim_is_none():
    assert (
        next_claim(ledger(**{f"claim.{key_of(2)}.x": claim(), f"claim.{key_of(2)}.": claim()}), {}) == SECOND
    )


@pytest.mark.parametrize("text", ["", "{}", "gate"])
def test_a_claim_that_is_none_is_one_line(text):
    forged = ledger()
    with pytest.raises(LedgerError, match="is no gate's; it was forged"):
        next_claim(replace(forged, params=forged.params | {SECOND: text}), {})
