import pytest
from hypothesis import given
from hypothesis import strategies as st

from inc_mlflow.spec import Layout

PART = st.none() | st.integers(1, 10**6)
ANY = st.builds(Layout, PART, PART, PART, st.integers(1, 10**6))


@given(ANY)
def test_text_and_layout_are_two_forms_of_one_thing(layout):
    assert Layout.parse(str(layout)) == layout
    assert str(Layout.parse(str(layout))) == str(layout)


@pytest.mark.parametrize(
    ("text", "layout", "canonical"),
    [
        ("1s4c14ins1bs", Layout(1, 4, 14, 1), "1s4c14ins1bs"),
        ("1s4c14ins", Layout(1, 4, 14, 1), "1s4c14ins1bs"),
        ("4c", Layout(None, 4, None, 1), "4c"),
        ("4c1bs", Layout(None, 4, None, 1), "4c"),
        ("14ins", Layout(None, None, 14, 1), "14ins"),
        ("2s", Layout(2, None, None, 1), "2s"),
        ("4c8bs", Layout(None, 4, None, 8), "4c8bs"),
        ("8bs", Layout(None, None, None, 8), "8bs"),
        ("auto", Layout(None, None, None, 1), "auto"),
        ("1bs", Layout(None, None, None, 1), "auto"),
        ("001s04c2ins1bs", Layout(1, 4, 2, 1), "1s4c2ins1bs"),
    ],
)
def test_parts_that_are_missing_are_left_to_the_planner_and_the_batch_is_one(text, layout, canonical):
    assert Layout.parse(text) == layout
    assert str(layout) == canonical


@pytest.mark.parametrize("text", ["0c", "1s0c1ins1bs", "1s1c0ins1bs", "1s1c1ins0bs", "0s"])
def test_none_of_something_is_no_layout(text):
    with pytest.raises(ValueError, match=f"^'{text}' asks for none of something"):
        Layout.parse(text)


@pytest.mark.parametrize(
    "text",
    ["", "1s1c1ins1bs ", " 1s1c1ins1bs", "1S1C1INS1BS", "-1s1c1ins1bs", "1s1c1ins1bs\n",
     "4c1s", "1ins2c", "auto8bs", "4", "c", "\u0664c"],
)  # fmt: skip
def test_anything_else_is_not_a_layout(text):
    with pytest.raises(ValueError, match=r"is not like '1s4c14ins1bs'.*or 'auto'$"):
        Layout.parse(text)


@given(st.text())
def test_any_text_is_read_or_refused_by_a_value_error(text):
    try:
        assert Layout.parse(text).batch >= 1
    except ValueError as error:
        assert repr(text) in str(error)
