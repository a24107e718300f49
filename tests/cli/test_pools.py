"""The commands that show what pools are; `pools check` is tested with the pipelines."""

import pytest
import yaml

from inc_mlflow.spec.presets import definitions, presets


@pytest.mark.parametrize("preset", presets())
def test_list(answer, call, preset, tmp_path):
    rows = answer("pools", "list", "--preset", preset)
    assert list(rows) == list(definitions(preset, tmp_path))
    assert (
        rows["a100"].startswith("accuracy_only; x86_64 A100; nodes with kubernetes.io/arch=amd64, ")
        or preset != "nfd"
    )
    assert call("pools", "list", "--preset", preset)[1].splitlines() == [
        f"{name}: {row}" for name, row in rows.items()
    ]


def test_the_help_names_all_presets(call):
    _, out, _ = call("pools", "list", "--help")
    assert all(name in out for name in presets())


def test_show_prints_a_file_with_own_pools(call, tmp_path):
    code, out, err = call("pools", "show", "amd", "--preset", "gke")
    assert (code, err) == (0, "")
    (tmp_path / "own.yaml").write_text(out)
    assert definitions("own.yaml", tmp_path) == {"amd": definitions("gke", tmp_path)["amd"]}


def test_show_as_json_is_the_same(answer, call):
    assert answer("pools", "show", "arm") == yaml.safe_load(call("pools", "show", "arm")[1])


def test_own_pools_are_shown(answer, tmp_path):
    path = tmp_path / "own.yaml"
    path.write_text("version: 1\npools: {lab: {selector: {room: lab}}}")
    assert answer("pools", "list", "--preset", path) == {"lab": "required; any hardware; nodes with room=lab"}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ("show", "amm"),
            "pools: no 'amm', did you mean 'arm'?; there are system, intel, amd, amd-vnni, arm, a100",
        ),
        (("list", "--preset", "gek"), "placement: no 'gek', did you mean 'gke'?"),
        (("check", "none.yaml", "--fleet", "none.yaml"), "none.yaml: cannot be read"),
        (("check", "none.yaml"), "Missing option '--fleet'"),
        ((), "Missing command."),
    ],
)
def test_what_is_wrong_is_one_line(call, arguments, message):
    code, out, err = call("pools", *arguments)
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert message in err
