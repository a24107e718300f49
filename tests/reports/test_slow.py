"""Why a candidate is slow, as a person reads it: on the terminal, in the verdict, and as Markdown."""

import pytest
from rich.console import Console

from inc_mlflow.records import Cause, Slow
from inc_mlflow.reports.slow import print_slow, slow_markdown

UNFUSED = Cause(
    what="61 DequantizeLinear and 43 QuantizeLinear not fused",
    count=104,
    share=0.41,
    fp32_share=0.0,
    nodes=("/a|b", "/c", "/d", "/e"),
    hint="op_types_to_quantize: [Conv, MatMul]",
)
RARE = UNFUSED.model_copy(update={"what": "1 Cast", "share": 0.004, "fp32_share": 0.002})
SLOW = Slow(
    seconds=2e-3,
    baseline_seconds=1e-3,
    causes=(UNFUSED, RARE),
    summary="of its time, 41 % goes to conversions",
)


def printed(slow, capsys):
    print_slow(Console(width=110), "static [bold] s8s8", slow)
    return capsys.readouterr().out


def test_the_terminal_shows_shares_and_what_helps(capsys):
    text = printed(SLOW, capsys)
    lines = [line.split() for line in text.splitlines()]
    assert "Why static [bold] s8s8 is not faster:" in text
    assert "41 % 0 % 61 DequantizeLinear and 43 QuantizeLinear not fused" in [
        " ".join(line) for line in lines
    ]
    assert "try: op_types_to_quantize: [Conv, MatMul]" in text
    assert all(len(line) <= 110 for line in text.splitlines())


def test_the_terminal_folds_what_hardly_counts_into_the_rest(capsys):
    text = printed(SLOW, capsys)
    assert "1 Cast" not in text
    assert " ".join(text.splitlines()[-1].split()).startswith("59 % other work")


def test_without_causes_the_reason_is_printed(capsys):
    slow = SLOW.model_copy(update={"causes": (), "summary": "why is not known: [x]"})
    assert "why is not known: [x]" in printed(slow, capsys)
    assert "|" not in slow_markdown("static", slow)


def test_markdown_is_one_table_with_every_cause():
    lines = slow_markdown("static", SLOW).splitlines()
    assert lines[0] == "# Why static is not faster"
    assert SLOW.summary in lines
    table = [line.replace("\\|", "/") for line in lines if line.startswith("|")]
    assert len({line.count("|") for line in table}) == 1
    assert [line.split("|")[1].strip() for line in table] == ["time", "---", "41 %", "0 %", "59 %"]
    assert "/a/b, /c, /d" in table[2]


@pytest.mark.parametrize("share", [-0.001, 1.5])
def test_a_record_survives_its_json(share):
    slow = SLOW.model_copy(update={"causes": (UNFUSED.model_copy(update={"share": share}),)})
    assert Slow.model_validate_json(slow.model_dump_json()) == slow
