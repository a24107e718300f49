"""What a person decided is read in the form of today and in that of earlier versions."""

import pytest

from inc_mlflow.tracking.requests.approvals import Approval


@pytest.mark.parametrize(
    ("stored", "outcome"), [("approved", "approved"), ("rejected", "rejected"), ("refused", "rejected")]
)
def test_a_stored_answer_is_read_whatever_version_wrote_it(stored, outcome):
    approval = Approval.model_validate_json(f'{{"word": "{stored}", "who": "ann", "reason": ""}}')
    assert approval.word == outcome


def test_any_other_answer_is_no_approval():
    with pytest.raises(ValueError, match="word"):
        Approval.model_validate_json('{"word": "maybe", "who": "ann", "reason": ""}')
