"""The command `catalog`."""

import json


def test_rows_of_a_model_the_likest_first(call):
    code, out, err = call("catalog", "--model", "resnet50-v1-5.onnx", "--source", "onnx", "--json")
    assert (code, err) == (0, "")
    result = json.loads(out)
    assert "Intel" in result["origin"]
    assert result["rows"][0]["model"] == "ResNet50 V1.5"
    assert {one["source"] for one in result["rows"]} == {"onnx"}


def test_a_person_sees_what_was_printed(call):
    code, out, err = call("catalog", "--model", "bilstm")
    assert (code, err) == (0, "")
    assert "0.8314 → 0.9048 (+0.0734)" in " ".join(out.split())


def test_check_shows_what_does_not_add_up(call):
    code, out, err = call("catalog", "check")
    assert (code, err) == (0, "")
    first, second, last = out.splitlines()
    assert first.endswith("78.95 → 80.10: stated -1.43 %, computed +1.46 %")
    assert second.endswith("91.34 → 90.7: stated -0.07 %, computed -0.70 %")
    assert last.startswith("385 of 387 add up")
    assert len(json.loads(call("catalog", "check", "--json")[1])["rows"]) == 2


def test_what_is_not_there_is_one_line(call):
    for arguments, said in (
        (("--source", "pytorh"), "no framework 'pytorh', did you mean 'pytorch'?"),
        (("--table", "x"), "no table 'x'; there are quantization, pruning, distillation, hardware"),
        (("--model", "base-v2"), "no published row is of a model like 'base-v2'"),
    ):
        code, out, err = call("catalog", *arguments)
        assert (code, out) == (2, "")
        assert said in err
        assert err.count("\n") == 1
