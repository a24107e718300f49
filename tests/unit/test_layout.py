import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from inc_mlflow.spec import Layout


@given(st.integers(1, 10**6))
def test_text_and_layout_are_two_forms_of_one_thing(batch):
    layout = Layout.parse(f"1s1c1ins{batch}bs")
    assert layout == Layout(1, 1, 1, batch)
    assert str(layout) == f"1s1c1ins{batch}bs"


@example(1, 1, 1, 0)
@example(1, 1, 2, 1)
@given(st.integers(0, 9), st.integers(0, 9), st.integers(0, 9), st.integers(0, 9))
def test_only_one_instance_on_one_core_is_supported(sockets, cores, instances, batch):
    text = str(Layout(sockets, cores, instances, batch))
    if (sockets, cores, instances) == (1, 1, 1) and batch:
        assert str(Layout.parse(text)) == text
        return
    with pytest.raises(ValueError, match=f"^'{text}' is not supported; one instance on one core is: 1s1c1ins<batch>bs"):
        Layout.parse(text)


@pytest.mark.parametrize(
    "text", ["", "1s1c1ins1bs ", " 1s1c1ins1bs", "1s1c1ins", "1S1C1INS1BS", "-1s1c1ins1bs", "1s1c1ins1bs\n"]
)
def test_anything_else_is_not_a_layout(text):
    with pytest.raises(ValueError, match="is not like '1s1c1ins1bs'"):
        Layout.parse(text)


@given(st.text())
def test_any_text_is_read_or_refused_by_a_value_error(text):
    try:
        assert Layout.parse(text).batch >= 1
    except ValueError as error:
        assert repr(text) in str(error)
