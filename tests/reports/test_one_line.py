"""Whatever names and texts of others hold, what the program says of them is one line that shows it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inc_mlflow.errors import DataError, IncError, one_line
from inc_mlflow.records.ledger import LedgerEntry
from inc_mlflow.reports.history import print_history, sentence
from inc_mlflow.steps import failure

HOSTILE = "a\nb\r\x1b[2Jc\u2028d\u202ee\udc80\x85"
SHOWN = r"a\nb\r\x1b[2Jc\u2028d\u202ee\udc80\x85"


@given(st.text(st.characters()))
def test_a_text_becomes_one_line_that_can_be_printed_and_stays_it(text):
    line = one_line(text)
    assert len(line.splitlines()) <= 1
    line.encode()
    assert one_line(line) == line
    assert not text.isprintable() or line == text


def test_what_people_write_stays_as_it_is():
    for text in ("Größe 0,76\u00a0%", "模型 d'essai", "👩‍🔬 50 ms", r"C:\new"):
        assert one_line(text) == text


@pytest.mark.parametrize("kind", [IncError, DataError])
def test_an_error_shows_what_a_name_holds(kind):
    assert str(kind(f"{HOSTILE}: is not there")) == f"{SHOWN}: is not there"


def test_an_error_of_another_process_is_the_same_line(tmp_path):
    failure.save(tmp_path / "error", DataError(HOSTILE))
    assert str(failure.load(tmp_path / "error")) == SHOWN


def test_an_entry_of_a_ledger_is_one_line(capsys):
    named = {
        "registered_model": HOSTILE,
        "who": HOSTILE,
        "reasons": (HOSTILE,),
        "recipe": HOSTILE.replace("\udc80", ""),
    }
    entry = LedgerEntry(number=1, previous="", kind="rejected", at="now", gate="g", **named)
    print_history([entry], {HOSTILE: "1"}, "head")
    lines = capsys.readouterr().out.splitlines()
    assert (len(lines), lines[1]) == (3, f"{SHOWN}: version 1")
    assert SHOWN in lines[0]
    assert one_line(sentence(entry)) == lines[0].strip().removeprefix("1 ")


@pytest.mark.parametrize(
    "arguments", [("list", HOSTILE), (HOSTILE,), ("run", f"{HOSTILE.replace(chr(0), '')}.yaml")]
)
def test_a_command_that_is_refused_says_so_in_one_line(call, arguments):
    code, out, err = call(*arguments)
    assert (code, out, len(err.splitlines())) == (2, "", 1)
    assert err[:-1].isprintable()
