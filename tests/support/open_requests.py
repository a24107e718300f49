"""Requests of pipelines that ask for something else, and what a gate answers."""

from inc_mlflow.promotion.review import Policy
from inc_mlflow.records import RequestRecord
from inc_mlflow.tracking.requests.requests import write_request

OWN = Policy()


def ask(store, measured, session="the-session", **changes) -> str:
    """Request something else than what the pipeline's own step would."""
    measured.track(store.folder, session=session)
    request = RequestRecord.model_validate(honest(store, measured) | changes)
    write_request(store.client, request)
    return request.run_id


def honest(store, measured) -> dict:
    from inc_mlflow.promotion.request import build_request

    steps = measured.of("champion", "judgement") | {"tracking": store.folder / "tracking"}
    return build_request(measured.job, **steps).model_dump()
