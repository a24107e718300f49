"""Rows that leave a metric little or nothing to say, and examples that papers and libraries publish."""

import json

import numpy as np
import pytest

from inc_mlflow.errors import DataError
from inc_mlflow.metrics.tokens import entities
from inc_mlflow.registry.metrics import METRICS

SAME, TWO = np.ones(6, int), np.array([0, 1, 0, 1, 0, 1])


def value(name, outputs, labels, **options):
    metric = METRICS.get(name).model_validate(options)
    kept = (
        metric.group(metric.statistics(outputs, np.asarray(labels)))
        if not metric.decomposable
        else metric.statistics(outputs, np.asarray(labels))
    )
    return float(np.mean(metric.score(kept, kept)))


def logits(classes, count=3):
    return {"logits": np.eye(count)[np.asarray(classes)]}


UNDEFINED = [
    ("pearson", {"scores": np.arange(6.0)}, SAME),
    ("spearman", {"scores": np.arange(6.0)}, SAME),
    ("auroc", {"scores": np.arange(6.0)}, SAME),
    ("perplexity", {"logits": np.zeros((2, 3, 4))}, np.full((2, 3), -100)),
    ("token_accuracy", {"logits": np.zeros((2, 3, 4))}, np.full((2, 3), -100)),
    ("miou", {"logits": np.zeros((2, 4, 3, 3))}, np.full((2, 3, 3), 255)),
    (
        "coco_map",
        {"boxes": np.zeros((1, 2, 4)), "scores": np.ones((1, 2)), "classes": np.zeros((1, 2))},
        np.full((1, 1, 5), -1.0),
    ),
    ("wer", {"text": np.array(["a"])}, np.array([""])),
    ("verification", {"embedding": np.zeros((20, 3))}, np.stack([np.arange(20) // 2, np.ones(20, int)], 1)),
]


@pytest.mark.parametrize(("name", "outputs", "labels"), UNDEFINED, ids=[case[0] for case in UNDEFINED])
def test_what_labels_leave_undefined_is_no_number(name, outputs, labels):
    assert np.isnan(value(name, outputs, labels))


NOTHING = [
    ("pearson", {"scores": np.ones(6)}, np.arange(6.0)),
    ("spearman", {"scores": np.ones(6)}, np.arange(6.0)),
    ("matthews", logits(SAME), TWO),
    ("matthews", logits(TWO), SAME),
    ("f1_binary", logits(np.zeros(6, int)), np.zeros(6, int)),
    ("bleu", {"text": np.array(["", ""])}, np.array(["one two", "three"])),
    ("rouge1", {"text": np.array([""])}, np.array(["one two"])),
    (
        "coco_map",
        {"boxes": np.zeros((1, 0, 4)), "scores": np.ones((1, 0)), "classes": np.zeros((1, 0))},
        np.array([[[0, 0, 5, 5, 1.0]]]),
    ),
]


@pytest.mark.parametrize(("name", "outputs", "labels"), NOTHING, ids=[case[0] for case in NOTHING])
def test_a_model_that_tells_nothing_has_nothing(name, outputs, labels):
    assert value(name, outputs, labels) == pytest.approx(0, abs=1e-9)


def test_auroc_of_a_constant_is_one_half_and_two_logits_rank_as_softmax_does():
    assert value("auroc", {"scores": np.ones(6)}, TWO) == 0.5
    pairs = np.array([[9, 9.5], [0, 1], [1, 0], [3, 9]])
    softmax = np.exp(pairs[:, 1]) / np.exp(pairs).sum(1)
    labels = np.array([1, 0, 0, 1])
    assert value("auroc", {"scores": pairs}, labels) == value("auroc", {"scores": softmax}, labels) == 0.75


def test_a_model_that_knows_nothing_has_the_perplexity_of_its_vocabulary():
    assert value("perplexity", {"logits": np.zeros((3, 5, 50))}, np.ones((3, 5), int)) == pytest.approx(50)


def test_shifted_logits_predict_the_next_token():
    tokens = np.array([[1, 2, 0, 1]])
    outputs = logits(np.array([[2, 0, 1, 0]]))
    assert value("token_accuracy", outputs, tokens, shift=True) == 1.0
    assert value("token_accuracy", outputs, tokens) == 0.0


def test_nan_where_no_token_counts_is_no_matter():
    labels = np.array([[0, 1, -100]])
    outputs = logits(np.array([[0, 1, 2]]))
    outputs["logits"][0, 2] = np.nan
    assert value("token_accuracy", outputs, labels) == 1.0
    assert np.isfinite(value("perplexity", outputs, labels))
    assert value("entity_f1", outputs, labels, tags=["O", "B-X", "I-X"]) == 1.0


def test_entities_of_conll():
    """The example of seqeval's README: MISC is one tag short."""
    assert entities(["O", "O", "B-MISC", "I-MISC", "B-MISC", "O", "B-PER", "I-PER"]) == {
        ("MISC", 2, 3),
        ("MISC", 4, 4),
        ("PER", 6, 7),
    }
    assert entities(["I-PER", "I-PER", "I-LOC", "O", "I-LOC"]) == {
        ("PER", 0, 1),
        ("LOC", 2, 2),
        ("LOC", 4, 4),
    }


def test_bleu_of_sacrebleus_readme():
    """Two references for each sentence; the README prints 48.53."""
    refs = [
        ["The dog bit the man.", "The dog had bit the man."],
        ["It was not unexpected.", "No one was surprised."],
        ["The man bit him first.", "The man had bitten the dog."],
    ]
    outputs = {
        "text": np.array(["The dog bit the man.", "It wasn't surprising.", "The man had just bitten him."])
    }
    assert value("bleu", outputs, [json.dumps(one) for one in refs], several=True) == pytest.approx(
        48.53, abs=0.005
    )
    assert value(
        "bleu", {"text": np.array(["THE DOG BIT THE MAN."])}, ["The dog bit the man."], lowercase=True
    ) == pytest.approx(100)


@pytest.mark.parametrize("right", ["the cat sat down", "the dog sat on a mat", "the cat"])
def test_bleu_of_short_texts_is_smoothed_as_sacrebleu_does(right):
    """One of them has no four words in common with its reference, another no four words."""
    import sacrebleu

    for written in ("the cat sat on a mat", "the cat", "a dog sat on a mat", ""):
        expected = sacrebleu.corpus_bleu([written, "yes"], [[right, "yes"]]).score
        assert value("bleu", {"text": np.array([written, "yes"])}, [right, "yes"]) == pytest.approx(
            expected, abs=1e-9
        )


def test_rouge_takes_the_best_of_several_references_and_stems_if_asked():
    outputs = {"text": np.array(["the cats sat"])}
    assert value("rouge1", outputs, [json.dumps(["a dog", "the cat sat"])], several=True) == pytest.approx(
        2 / 3
    )
    assert value("rouge1", outputs, ["the cat sat"], stemmer=True) == 1.0
    with pytest.raises(DataError, match=r"is no JSON list of texts; metric\.options\.several asks for one"):
        value("rouge1", outputs, ["the cat sat"], several=True)


def test_edits_of_all_rows_are_counted_by_the_words_of_all_references():
    outputs = {"text": np.array(["a b c", "x y", "extra"])}
    assert value("wer", outputs, ["a c", "x z w w", ""]) == pytest.approx((1 + 3 + 1) / 6)


def test_a_graph_may_choose_the_classes_itself():
    assert value("top1", {"logits": np.array([0, 1, 2])}, [0, 1, 1]) == pytest.approx(2 / 3)
    masks = np.array([[[0, 1], [1, 1]]])
    assert value("miou", {"logits": masks}, masks, classes=3) == 1.0
    with pytest.raises(DataError, match=r"metric\.options\.classes: required"):
        value("miou", {"logits": masks}, masks)
    assert np.isnan(value("miou", {"logits": masks + 5}, masks, classes=3))


def test_labels_beyond_the_classes_are_refused():
    with pytest.raises(DataError, match=r"labels 0 to 255 for 2 classes; set metric\.options\.ignore"):
        value("miou", {"logits": np.zeros((1, 2, 1, 2))}, [[[0, 255]]], ignore=0 - 1)
    with pytest.raises(DataError, match="labels must be -100 or 0 to 2"):
        value("token_accuracy", logits(np.array([[0, 1]])), [[0, 3]])


def test_half_a_pair_says_nothing_and_three_of_one_are_refused():
    pairs = np.stack([np.arange(20) // 2, (np.arange(20) // 2) % 2], 1)
    embedding = np.random.default_rng(0).normal(size=(20, 4))
    without = value("verification", {"embedding": embedding[2:]}, pairs[2:], folds=3)
    assert value("verification", {"embedding": embedding[1:]}, pairs[1:], folds=3) == without
    with pytest.raises(DataError, match="pair 1 has 4 rows"):
        value("verification", {"embedding": embedding}, np.maximum(pairs, [1, 0]), folds=3)
    with pytest.raises(DataError, match="9 whole pairs for 10 folds"):
        value("verification", {"embedding": embedding[1:]}, pairs[1:])


def test_agreement_is_with_the_baseline_and_a_row_without_an_answer_agrees_with_nothing():
    metric = METRICS.get("agreement")()
    rows = np.eye(3)[[0, 1, 2, 2]]
    broken = rows.copy()
    broken[3] = np.nan
    base, int8 = (
        metric.statistics({"logits": broken}, None),
        metric.statistics({"logits": np.eye(3)[[0, 2, 2, 2]]}, None),
    )
    assert metric.score(int8, base).tolist() == [1, 0, 1, 0]
    assert metric.score(base, base).tolist() == [1, 1, 1, 0]


def test_f1_stays_the_mean_of_all_classes_on_a_resample_without_the_rare_ones():
    labels = np.array([0, 1] * 10 + [2])
    metric = METRICS.get("f1")()
    kept = metric.group(metric.statistics(logits([0, 0] * 10 + [2]), labels))
    common = {name: array[:20] for name, array in kept.items()}
    assert metric.aggregate(common) == pytest.approx((2 / 3 + 0) / 2)
    assert value("f1", logits([0, 0] * 10), labels[:20]) == 0.0
