"""The chain of a ledger: whatever is taken out, altered, moved or cut off is found."""

from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inc_mlflow.errors import LedgerError
from inc_mlflow.records.ledger import LONGEST, START, LedgerEntry, Rank, digest
from inc_mlflow.tracking.registry.ledger import HEAD, LEDGER, Ledger, key_of, read_ledger

words = st.text(st.characters(codec="utf-8", exclude_characters="\x00"), max_size=900)


def chain(reasons):
    entries, before = [], START
    for number, reason in enumerate(reasons, start=1):
        entry = LedgerEntry(
            number=number,
            previous=before,
            kind="promoted",
            registered_model="digits",
            at="2026-01-01T00:00:00+00:00",
            who="gate",
            gate=f"{number:032d}",
            reasons=(reason,),
            alias="int8-champion",
            version=str(number),
            sha256=f"{number:064d}",
            model_id=f"m-{number}",
        )
        entries.append(entry)
        before = digest(entry)
    return tuple(entries)


def read(entries, head=None, name="digits"):
    """Read the ledger of a model whose run holds these entries."""
    params = {key_of(entry.number): entry.text() for entry in entries}
    run = SimpleNamespace(info=SimpleNamespace(lifecycle_stage="active"), data=SimpleNamespace(params=params))
    tags = {LEDGER: "run"} | ({} if head is None else {HEAD: head})
    model = SimpleNamespace(tags=tags, aliases={})
    return read_ledger(SimpleNamespace(get_registered_model=lambda _: model, get_run=lambda _: run), name)


@given(st.lists(words, max_size=40), st.one_of(st.none(), words))
def test_an_entry_is_its_text_and_fits_into_a_param(reasons, recipe):
    entry = chain(["why"])[0].model_copy(update={"reasons": tuple(reasons), "recipe": recipe})
    text = entry.fitting().text()
    assert len(text) <= LONGEST
    assert LedgerEntry.parse(text).text() == text
    assert (LedgerEntry.parse(text) == entry) == (len(entry.text()) <= LONGEST)


def test_words_of_any_length_are_cut_and_names_are_not():
    entry = chain(["why" * LONGEST])[0].model_copy(update={"recipe": "static" * LONGEST}).fitting()
    assert (entry.reasons[-1], entry.recipe[:12], len(entry.text()) < LONGEST) == (
        "(shortened: 1 reasons)",
        "staticstatic",
        True,
    )
    with pytest.raises(LedgerError, match="an entry of its ledger would be too long"):
        chain(["why"])[0].model_copy(update={"who": "gate" * LONGEST}).fitting()


@given(st.lists(words, min_size=1, max_size=5), st.data())
def test_a_chain_in_which_anything_changed_is_refused(reasons, data):
    entries = chain(reasons)
    assert read(entries).entries == entries
    place = data.draw(st.integers(0, len(entries) - 1))
    altered = entries[place].model_copy(update={"who": "somebody else"})
    changed = (*entries[:place], altered, *entries[place + 1 :])
    without = entries[:place] + entries[place + 1 :]
    for broken in (changed, without):
        with pytest.raises(LedgerError):
            read(broken, head=f"{len(entries)} {digest(entries[-1])}")


def test_a_chain_of_another_model_is_refused():
    with pytest.raises(LedgerError, match="its ledger is that of 'digits'; rename it back"):
        read(chain(["why"]), name="other")


def test_a_head_that_the_ledger_does_not_hold_any_more_is_told():
    entries = chain(["one", "two"])
    with pytest.raises(LedgerError, match="has no entry 2 of digest"):
        read(entries[:1], head=f"2 {digest(entries[1])}")


@pytest.mark.parametrize("text", ["", "{}", "[1]", '{"number": 1}'])
def test_what_is_no_entry_is_refused_in_one_line(text):
    with pytest.raises(LedgerError, match="is no entry; it was altered") as refusal:
        LedgerEntry.parse(text)
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize("forged", [{"speedup_high": 1.9}, {"size_bytes": -7}])
def test_a_rank_that_compares_with_nothing_is_no_entry(forged):
    rank = Rank(conditions="c", speedup=2.0, speedup_high=2.1, accuracy=0.9, size_bytes=7)
    entry = chain(["faster"])[0].model_copy(update={"standing": rank.model_copy(update=forged)})
    with pytest.raises(LedgerError, match="is no entry; it was altered"):
        LedgerEntry.parse(entry.text())


def test_an_entry_in_another_form_is_refused():
    with pytest.raises(LedgerError, match="not in its canonical form"):
        LedgerEntry.parse(" " + chain(["why"])[0].text())


def ledger(*more):
    entries = [*chain(["one", "two"])]
    for kind, fields in more:
        number, before = len(entries) + 1, digest(entries[-1])
        about = {"registered_model": "digits", "at": "2026-01-01T00:00:00+00:00", "who": "gate", "gate": "g"}
        entries.append(LedgerEntry(number=number, previous=before, kind=kind, **about, **fields))
    return Ledger("digits", "run", tuple(entries), {}, {}, len(entries))


BACK = ("rolled_back", {"alias": "int8-champion", "version": "1", "sha256": f"{2:064d}"})


def test_a_rollback_gives_the_alias_back_and_blocks_the_model():
    rolled = ledger(BACK)
    assert rolled.entry_of_alias("int8-champion").sha256 == f"{1:064d}"
    assert list(rolled.blocked) == [f"{2:064d}"]
    assert ledger(BACK, ("unblocked", {"sha256": f"{2:064d}"})).blocked == {}


def test_promotion_is_frozen_until_somebody_says_otherwise():
    assert ledger(("frozen", {})).frozen.kind == "frozen"
    assert ledger(("frozen", {}), ("unfrozen", {})).frozen is None
    assert ledger().frozen is None


def test_an_alias_that_was_taken_away_names_nothing():
    gone = ledger(("withdrawn", {"alias": "int8-champion"}))
    assert (gone.entry_of_alias("int8-champion"), gone.aliases) == (None, {"int8-champion": None})


def test_an_entry_from_before_upper_ends_were_kept_is_read_as_it_was_written():
    rank = Rank(conditions="c", speedup=2.0, accuracy=0.9, size_bytes=7)
    text = chain(["faster"])[0].model_copy(update={"standing": rank}).text()
    assert '"speedup_high"' not in text
    assert LedgerEntry.parse(text).standing == rank
