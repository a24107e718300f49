"""Answers as the official SQuAD evaluation judges them, worked out by hand, and spans out of logits."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from inc_mlflow.errors import DataError
from inc_mlflow.metrics.squad import words
from inc_mlflow.metrics.text import BROKEN
from inc_mlflow.registry.metrics import METRICS
from inc_mlflow.registry.postprocess import POSTPROCESS

JUDGED = [
    ("Denver Broncos", ["Denver Broncos", "the broncos"], 1, 1),
    ("the Denver Broncos!", ["Denver  Broncos"], 1, 1),
    ("Broncos of Denver", ["Denver Broncos"], 0, 0.8),
    ("Broncos", ["Denver Broncos", "Carolina Panthers"], 0, 2 / 3),
    ("to to", ["to be or not to be"], 0, 0.5),
    ("", ["Denver"], 0, 0),
    ("Denver", [], 0, 0),
    ("", [], 1, 1),
    ("The", [], 1, 1),
    ("Denver", ["the", "Denver"], 1, 1),
    (BROKEN, [], 0, 0),
    (BROKEN, ["Denver"], 0, 0),
    (BROKEN, [BROKEN], 0, 0),
]
"""Answer, those that are right, exact match and F1."""


@pytest.mark.parametrize(("text", "answers", "exact", "f1"), JUDGED)
def test_answers(text, answers, exact, f1):
    label = np.array([json.dumps({"answers": answers})])
    for name, expected in (("squad_em", exact), ("squad_f1", f1)):
        metric = METRICS.get(name)()
        assert metric.aggregate(metric.statistics({"text": np.array([text])}, label)) == pytest.approx(
            expected
        )


@given(st.text())
def test_words_have_no_case_articles_or_punctuation(text):
    found = words(text)
    assert words(" ".join(found).upper()) == words(" ".join(found).upper().lower())
    assert not {"a", "an", "the"} & set(found)
    assert "!" not in "".join(found)


CONTEXT = "Paris is big, Rome is old"
OFFSETS = [None, None, [0, 5], [6, 8], [9, 12], [12, 13], [14, 18], [19, 21], [22, 25], None]


def logits(start, end, length=10):
    first, last = np.zeros((1, length)), np.zeros((1, length))
    first[0, start], last[0, end] = 5, 5
    return {"start": first, "end": last}


def span(outputs, offsets=OFFSETS, **options):
    label = np.array([json.dumps({"answers": [], "context": CONTEXT, "offsets": offsets})])
    (text,) = POSTPROCESS.get("squad_span").model_validate(options)(outputs, label)["text"]
    return text


def test_the_best_span_is_the_text_between_its_ends():
    assert span(logits(2, 2)) == "Paris"
    assert span(logits(2, 4)) == "Paris is big"
    assert span(logits(6, 8)) == "Rome is old"


def test_a_span_that_is_too_long_backwards_or_outside_of_the_context_is_none():
    assert span(logits(2, 8), max_length=3) in {
        "Paris",
        "Paris is",
        "Paris is big",
        "Rome is old",
        "is old",
        "old",
    }
    assert span(logits(6, 2)) != CONTEXT
    outside = logits(0, 9)
    outside["start"][0, 4], outside["end"][0, 4] = 1, 1
    assert span(outside) == "big"
    assert span(logits(0, 0), [None] * 10) == ""


def test_without_an_answer_the_first_token_wins_by_the_threshold():
    outputs = logits(2, 2)
    outputs["start"][0, 0] = 7
    outputs["end"][0, 0] = 6
    assert span(outputs) == "Paris"  # v1.1 always answers
    assert span(outputs, null_threshold=0.0) == ""
    assert span(outputs, null_threshold=3.5) == "Paris"


def test_nan_is_no_answer_even_where_there_is_none():
    outputs = logits(2, 2)
    outputs["end"][0, 9] = np.nan
    assert span(outputs, null_threshold=-1e9) == BROKEN


@pytest.mark.parametrize(
    ("label", "says"),
    [
        ("{}", "answers: required field is missing"),
        ("no", "label 'no'"),
        ('{"answers": [], "context": "a", "offsets": [[1]]}', "offsets"),
        ('{"answers": [], "context": "a", "offset": []}', "did you mean 'offsets'"),
    ],
)
def test_a_label_that_is_wrong_is_shown(label, says):
    kind = POSTPROCESS.get("squad_span").labels
    with pytest.raises(DataError, match=r"a label is JSON text with answers, context, offsets$") as raised:
        kind.read(np.array([label]))
    assert says in str(raised.value)


def test_more_offsets_than_tokens_are_refused():
    with pytest.raises(DataError, match="10 offsets for outputs of 4 tokens"):
        span(logits(2, 2, length=4))
