"""Every metric of the table: what shards keep, written and read without pickle, is what one pass keeps."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from inc_mlflow.measure.stats.outcomes import Scoring, evaluate_rows, join_shards
from inc_mlflow.metrics.resolve import resolve
from inc_mlflow.registry.metrics import METRICS
from inc_mlflow.spec import MetricSpec
from inc_mlflow.steps.measure.ragged import pack_ragged, unpack_ragged
from tests.support.metric_cases import OPTIONS, case

ROWS = 22


def kept(name, folder, batches, outputs, labels):
    metric = resolve(MetricSpec(name=name, options=OPTIONS.get(name, {})), folder, list(outputs))
    scoring = Scoring(metric.keep, metric.score, metric.decomposable)
    models = {"baseline": lambda inputs: {role: array[inputs["row"]] for role, array in outputs.items()}}
    rows = (({"row": np.arange(ROWS)[batch]}, labels[batch]) for batch in batches)
    return evaluate_rows(models, "baseline", rows, scoring, 1)


def stored(kept, rows, path):
    flat = pack_ragged(kept, rows)
    np.savez(path, **{str(at): array for at, array in enumerate(flat.values())})
    with np.load(path, allow_pickle=False) as archive:
        return unpack_ragged({name: archive[str(at)] for at, name in enumerate(flat)})


def same(one, other):
    if one.dtype == object:
        return other.dtype == object and all(same(*pair) for pair in zip(one, other, strict=True))
    return (one.dtype, one.shape, one.tobytes()) == (other.dtype, other.shape, other.tobytes())


@pytest.mark.parametrize("name", list(METRICS))
@settings(max_examples=5)
@given(batch=st.integers(1, 8), count=st.integers(1, 3), seed=st.integers(0, 10**6))
def test_shards_keep_what_one_pass_keeps(name, tmp_path_factory, batch, count, seed):
    folder, (outputs, labels) = tmp_path_factory.mktemp("kept"), case(name, ROWS, seed, 0.7)
    batches = [slice(start, min(start + batch, ROWS)) for start in range(0, ROWS, batch)]
    whole = kept(name, folder, batches, outputs, labels)["baseline"]
    shares = [batches[number::count] for number in range(count)]
    sizes = [sum(one.stop - one.start for one in share) for share in shares]
    parts = [kept(name, folder, share, outputs, labels) for share in shares]
    merged = join_shards(
        [stored(*pair, folder / "kept.npz") for pair in zip(parts, sizes, strict=True)], batch
    )["baseline"]
    assert merged.keys() == whole.keys()
    for key, array in whole.items():
        assert same(array, merged[key]), key
