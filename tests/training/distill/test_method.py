"""Distillation of whole modules: what a student learns, whose weights it keeps, the same bytes after a kill."""

import textwrap
from dataclasses import replace

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from inc_mlflow.errors import CallableError, IncError
from inc_mlflow.files import sha256_file
from inc_mlflow.sources.pytorch.changed import WEIGHTS
from inc_mlflow.sources.pytorch.source import SOURCE
from inc_mlflow.training.distill.method import METHOD
from inc_mlflow.training.distill.options import Distill
from tests.support.small_modules import module_data

STUDENTS = textwrap.dedent("""
    import torch
    from torch import nn


    def small(channels=6, classes=4, factor=1.0):
        module = nn.Sequential(
            nn.Conv2d(1, channels, 3, 1, 1), nn.ReLU(), nn.Conv2d(channels, channels, 3, 2, 1), nn.ReLU(),
            nn.AdaptiveAvgPool2d(2), nn.Flatten(), nn.Linear(4 * channels, classes),
        )
        module[0].weight.data *= factor
        return module, {"input": torch.zeros(2, 1, 8, 8)}


    def five():
        return small(classes=5)


    def nan():
        return small(factor=float("nan"))


    def other_input():
        return small()[0], {"picture": torch.zeros(2, 1, 8, 8)}


    class Two(nn.Module):
        def __init__(self):
            super().__init__()
            self.inside = small()[0]

        def forward(self, input):
            return {"output": self.inside(input), "sure": self.inside(input).softmax(1)}


    def two():
        return Two(), {"input": torch.zeros(2, 1, 8, 8)}


    class Cut(nn.Module):
        def __init__(self):
            super().__init__()
            self.inside = small()[0]

        def forward(self, input):
            return self.inside(input).detach()


    def cut():
        return Cut(), {"input": torch.zeros(2, 1, 8, 8)}


    def bare():
        body = nn.Sequential(nn.AdaptiveAvgPool2d(2), nn.Flatten())
        return body, {"input": torch.zeros(2, 1, 8, 8)}


    def failing():
        raise RuntimeError("no such layer")
    """)


@pytest.fixture
def prepared(tmp_path):
    """Return (data, folder) with a trained model as source."""
    return lambda **options: taught(tmp_path, **options)


def taught(folder, **options):
    data = module_data(folder, **{"loss": "auto", **options})
    (folder / "students.py").write_text(STUDENTS)
    module = SOURCE.open(data.source, folder).module.requires_grad_(True).train()
    ((inputs, labels),) = module_data(folder).rows()
    adam = torch.optim.Adam(module.parameters(), 0.01)
    for _ in range(40):
        loss = torch.nn.functional.cross_entropy(module(torch.tensor(inputs["input"])), torch.tensor(labels))
        adam.zero_grad()
        loss.backward()
        adam.step()
    save_file(module.state_dict(), folder / "teacher.safetensors")
    source = data.source.model_copy(update={"weights": "teacher.safetensors"})
    return replace(data, source=source, dense=source)


def recipe(**options):
    return Distill.model_validate(options)


def weights(folder):
    return load_file(folder / WEIGHTS)


def test_a_student_learns_and_becomes_a_source_of_its_own(prepared, tmp_path):
    data = prepared(epochs=6)
    facts = METHOD.train(recipe(student="students.py:small"), data, tmp_path / "made")
    found = facts.distillation
    assert found.parameters_of_student < 0.2 * found.parameters_of_teacher
    assert found.score_of_teacher > 0.9
    assert facts.training.loss == "cross_entropy and distillation"
    assert facts.training.points[facts.training.chosen].score > 0.9
    assert facts.training.chosen > 0
    assert facts.source == {"torch": "students.py:small", "reads": []}
    changed = data.source.__class__.model_validate(facts.source).changed(tmp_path / "made")
    ((inputs, labels),) = data.rows()
    outputs = SOURCE.open(changed, tmp_path).run(inputs)["output"]
    assert (outputs.argmax(1) == labels).mean() > 0.9


def test_a_teacher_alone_teaches_where_there_are_no_labels(prepared, tmp_path):
    data = prepared(labels=False, epochs=6)
    facts = METHOD.train(recipe(student="students.py:small"), data, tmp_path / "made")
    assert facts.training.loss == "distillation"
    assert facts.training.points[-1].score > 0.9


def test_the_job_s_model_learns_from_a_teacher_that_is_named(prepared, tmp_path):
    data = prepared()
    teacher = {"torch": "modules.py:cnn", "weights": "teacher.safetensors"}
    small = data.source.__class__.model_validate({"torch": "students.py:small"})
    learning = replace(data, source=small, dense=small)
    facts = METHOD.train(recipe(teacher=teacher), learning, tmp_path / "made")
    assert facts.source["torch"] == "students.py:small"
    assert facts.distillation.score_of_teacher > 0.9
    assert facts.training.points[-1].loss < facts.training.points[1].loss


def test_the_model_learns_from_itself_and_is_no_worse(prepared, tmp_path):
    data = prepared()
    before = load_file(tmp_path / "teacher.safetensors")
    facts = METHOD.train(recipe(), data, tmp_path / "made")
    points = facts.training.points
    assert points[facts.training.chosen].score >= points[0].score
    assert facts.source["torch"] == "modules.py:cnn"
    moved = [
        name
        for name, one in load_file(tmp_path / "teacher.safetensors").items()
        if (one != before[name]).any()
    ]
    assert moved == []


def test_weights_of_a_student_are_where_it_begins(prepared, tmp_path):
    data = prepared(learning_rate=1e-9, epochs=1)
    module = SOURCE.open(data.source.model_validate({"torch": "students.py:small"}), tmp_path).module
    start = {name: torch.full_like(one, 0.1) for name, one in module.state_dict().items()}
    save_file(start, tmp_path / "start.safetensors")
    student = {"torch": "students.py:small", "weights": "start.safetensors"}
    METHOD.train(recipe(student=student), data, tmp_path / "made")
    assert all(torch.allclose(one, torch.tensor(0.1)) for one in weights(tmp_path / "made").values())


@pytest.mark.parametrize(
    ("student", "layers"),
    [
        ("students.py:small", {"0": "0", "3": "5", "5": "8"}),  # channels, channels, features
        (None, {"3": "3"}),  # the same shape: nothing between
    ],
)
def test_layers_come_nearer_to_the_teacher_s(prepared, tmp_path, student, layers):
    data = prepared(epochs=5)
    named = {"student": student} if student else {}
    one = recipe(layers=layers, layers_weight=5.0, **named)
    facts = METHOD.train(one, data, tmp_path / "made")
    points = facts.training.points
    assert facts.distillation.layers == len(layers)
    assert points[-1].loss < 0.7 * points[1].loss
    assert not any("linear" in name for name in weights(tmp_path / "made"))  # projections are thrown away


def test_layers_move_the_student_where_outputs_do_not(prepared, tmp_path):
    """With weight 0 on the teacher's outputs and none on labels, what is learned comes from the layers."""
    made = []
    for name, options in (("without", {}), ("with", {"layers": {"0": "0"}})):
        data = prepared(epochs=1)
        METHOD.train(recipe(student="students.py:small", teacher_weight=0, **options), data, tmp_path / name)
        made.append(weights(tmp_path / name)["0.weight"])
    assert not torch.equal(*made)


class KilledError(Exception):
    pass


@pytest.mark.parametrize("at", [1, 3])
def test_a_killed_training_ends_with_the_same_bytes(tmp_path, at):
    one = recipe(student="students.py:small", layers={"0": "0", "5": "8"})
    made = []
    for name, dies in (("whole", None), ("killed", at)):
        (tmp_path / name).mkdir()
        data = taught(tmp_path / name, checkpoint=3, learning_rate="auto")
        calls = []

        def score(model, calls=calls, data=data, dies=dies):
            calls.append(model)
            if len(calls) == (dies or 0) + 2:  # behind the teacher and the start
                raise KilledError
            return data.score(model)

        scored = replace(data, score=score if dies else data.score)
        if dies:
            with pytest.raises(KilledError):
                METHOD.train(one, scored, tmp_path / name / "made")
            assert len(calls) == at + 2
        METHOD.train(one, scored, tmp_path / name / "made")
        made.append(sha256_file(tmp_path / name / "made" / WEIGHTS))
    assert len(calls) == 8  # the teacher and an epoch twice: nothing began anew
    assert made[0] == made[1]


def test_a_student_without_weights_is_drawn_by_the_seed(tmp_path):
    made = []
    for name, seed in (("a", 0), ("b", 0), ("c", 1)):
        (tmp_path / name).mkdir()
        data = taught(tmp_path / name, epochs=1, seed=seed, learning_rate=1e-9)
        METHOD.train(recipe(student="students.py:small"), data, tmp_path / name / "made")
        made.append(weights(tmp_path / name / "made")["0.weight"])
    assert torch.equal(made[0], made[1])
    assert (made[0] - made[2]).abs().max() > 0.01


@pytest.mark.parametrize(
    ("options", "changed", "said"),
    [
        ({"student": "students.py:five"}, {}, r"the student has the outputs output \(n, 5\) float32, the teacher has output \(n, 4\) float32"),
        ({"student": "students.py:two"}, {}, r"the student has the outputs output \(n, 4\) float32, sure \(n, 4\) float32, the teacher"),
        ({"student": "students.py:other_input"}, {}, "the student has the inputs picture, the teacher has input;"),
        ({"student": "students.py:nan"}, {}, "the loss is nan before the first step"),
        ({"student": "students.py:cut"}, {}, "the loss has no gradient"),
        ({"student": "students.py:bare"}, {}, "the student has no weights that could be trained"),
        ({"layers": {"11.x": "0"}}, {}, r"layers: the student has no module '11\.x'.*; it has 0, 1, 2"),
        ({"layers": {"0": "head"}}, {}, "layers: the teacher has no module 'head'; it has 0"),
        ({"layers": {"0": "8"}}, {}, r"layers: '0' gives \(n, 16, 8, 8\) and '8' \(n, 32\), which no projection bridges"),
        ({"layers": {"0": "3"}}, {}, r"'0' gives \(n, 16, 8, 8\) and '3' \(n, 16, 4, 4\), which no"),
        ({}, {"loss": "cross_entropy"}, "training.loss: cross_entropy reads labels alone, so recipe 'distill' learns"),
        ({"student": "students.py:small", "teacher": "students.py:small"}, {"build": "attending"}, "the student has the inputs input, the job's model has x"),
    ],
)  # fmt: skip
def test_what_cannot_be_distilled_is_one_line(tmp_path, options, changed, said):
    (tmp_path / "students.py").write_text(STUDENTS)
    data = module_data(tmp_path, **{"loss": "auto", **changed})
    if "build" in changed:
        ((inputs, labels),) = data.rows()
        data = replace(data, rows=lambda: iter([({"input": inputs["x"]}, labels)]))
    if options.get("student", "").endswith("bare"):
        data = replace(data, score=lambda _: None)
    with pytest.raises(IncError, match=said) as caught:
        METHOD.train(recipe(**options), data, tmp_path / "made")
    assert "\n" not in str(caught.value)


def test_a_function_that_fails_is_named_with_the_recipe(tmp_path):
    (tmp_path / "students.py").write_text(STUDENTS)
    said = r"recipe 'distill students\.py:failing': student\.torch: .*RuntimeError: no such layer"
    with pytest.raises(CallableError, match=said):
        METHOD.train(recipe(student="students.py:failing"), module_data(tmp_path), tmp_path / "made")


def test_the_teacher_s_share_of_the_loss(prepared, tmp_path):
    """Labels that are wrong everywhere teach nothing to who listens to the teacher alone."""
    scores = []
    for share in (1.0, 0.0):
        data = prepared(epochs=6)
        ((inputs, labels),) = data.rows()
        wrong = (labels + 1) % 4
        lied = replace(data, rows=lambda x=inputs, y=wrong: iter([(x, y)]))
        one = recipe(student="students.py:small", teacher_weight=share)
        facts = METHOD.train(one, lied, tmp_path / str(share))
        scores.append(facts.training.points[-1].score)
    assert scores[0] > 0.9
    assert scores[1] < 0.1
    assert np.isfinite(scores).all()
