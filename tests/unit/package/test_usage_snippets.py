import json

import numpy as np
import pytest
import torch
from pydantic import TypeAdapter

from teacherspec.calibrators.fitted import Calibrator, apply
from teacherspec.calibrators.score_interval import parse_score_interval
from teacherspec.package.card.usage_snippets import CALIBRATED, calibrated_code

FITTED = [
    {"kind": "none"},
    {"kind": "temperature", "temperature": 1.7},
    {"kind": "class_temperature", "temperatures": [0.5, 1.5, 3.0]},
    {"kind": "vector", "scale": [1.0, 0.7, 1.4], "bias": [0.1, -0.3, 0.0]},
    {
        "kind": "dirichlet",
        "weights": [[0.9, 0.1, 0.0], [0.0, 1.1, -0.1], [0.2, 0.0, 0.8]],
        "bias": [0.2, 0.0, -0.2],
    },
    {"kind": "isotonic", "knots": [0.3, 0.6, 0.95], "values": [0.1, 0.5, 0.99]},
    {"kind": "histogram", "upper_edges": [0.5, 0.8, 1.0], "values": [0.2, 0.7, 0.9]},
]


def test_every_calibrator_has_code() -> None:
    kinds = TypeAdapter(Calibrator).json_schema()["discriminator"]["mapping"]
    assert sorted(fitted["kind"] for fitted in FITTED) == sorted(kinds)
    assert CALIBRATED.keys() == {*kinds, "score_interval"}


def test_the_code_for_scores_corrects_as_the_library_does() -> None:
    fitted = {"kind": "score_interval", "slope": 0.8, "intercept": 0.3, "radius": 1.25, "level": 0.9}
    logits = np.random.default_rng(0).normal(scale=3.0, size=(50, 1))
    names = {"torch": torch, "np": np, "logits": torch.tensor(logits), "c": fitted}
    exec(calibrated_code("score_interval"), names)  # noqa: S102 the code under test
    np.testing.assert_allclose(names["scores"], parse_score_interval(fitted).corrected(logits[:, 0]))
    assert names["radius"] == 1.25


@pytest.mark.parametrize("fitted", FITTED, ids=lambda fitted: fitted["kind"])
def test_the_code_on_the_card_calibrates_as_the_library_does(fitted: dict[str, object]) -> None:
    calibrator = TypeAdapter(Calibrator).validate_json(json.dumps(fitted))
    logits = np.random.default_rng(0).normal(scale=3.0, size=(500, 3))
    names = {"torch": torch, "np": np, "logits": torch.tensor(logits), "c": fitted}
    exec(calibrated_code(str(fitted["kind"])), names)  # noqa: S102 the code under test
    np.testing.assert_allclose(names["probs"], np.exp(apply(calibrator, logits)), rtol=1e-9, atol=1e-12)
