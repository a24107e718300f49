"""Each constant and phase of search, timing, gate and training is held by a test: changed, that test turns red."""

import pytest

from tests.benchmarks.mutants.__main__ import MUTANTS, main
from tests.benchmarks.mutants.mutant import ROOT


def test_the_text_of_every_change_stands_in_its_file_exactly_once():
    wrong = {f"{one.file}: {one.title}": one.occurrences() for one in MUTANTS if one.occurrences() != 1}
    assert wrong == {}, "the code changed: change the table with it"


def test_every_change_has_a_title_of_its_own_and_tests_that_exist():
    assert len({one.title for one in MUTANTS}) == len(MUTANTS)
    assert {file for one in MUTANTS for file in one.tests if not (ROOT / file).is_file()} == set()


@pytest.mark.long
def test_every_change_is_noticed():
    assert main([]) == 0
