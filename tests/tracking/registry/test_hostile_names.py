"""Names with line breaks, of experiments and models and in requests, are printed on one line everywhere."""

import pytest

HOSTILE = "of\nsome\x1b[31mbody\u2028else"


def one(line):
    assert line.endswith("\n")
    assert line[:-1].isprintable(), line


@pytest.mark.parametrize(
    "command",
    [
        ("best", "--experiment", HOSTILE),
        ("history", HOSTILE),
        ("verify", HOSTILE),
        ("rollback", HOSTILE, "--reason", "why"),
        ("promote", "--run", HOSTILE),
        ("promote", "--requested", "--experiment", HOSTILE),
        ("approve", HOSTILE),
    ],
    ids=lambda command: " ".join(command[:2]).partition("\n")[0],
)
def test_a_name_that_is_not_there_is_one_line(call, store, command):
    code, out, err = call(*command)
    assert code == 2
    assert out == ""
    one(err)


def test_a_reason_and_a_model_with_line_breaks_are_one_line_each(call, store):
    from inc_mlflow.tracking.registry.create_ledger import create_ledger

    create_ledger(store.client, HOSTILE)
    code, out, _ = call("freeze", HOSTILE, "--reason", HOSTILE)
    assert code == 0
    one(out)
    code, out, _ = call("verify", HOSTILE)
    assert code == 0
    for line in out.splitlines(keepends=True):
        one(line)
