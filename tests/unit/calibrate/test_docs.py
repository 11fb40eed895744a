"""The code blocks and the table of docs/calibration.md are true."""

import re
from pathlib import Path
from typing import get_args

from teacherspec.calibrators.fitted import Calibrator
from teacherspec.spec.calibrate import Method

DOCS = (Path(__file__).parents[3] / "docs" / "calibration.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```python\n(.*?)```", DOCS, re.DOTALL)
ROWS = dict(re.findall(r"^\| `(\w+)` \| .* \| (no|yes|depends) \|$", DOCS, re.MULTILINE))


def test_every_block_runs():
    assert len(BLOCKS) == 4
    names: dict[str, object] = {}
    for block in BLOCKS:
        exec(block, names)  # noqa: S102 (the blocks are ours)


def test_the_table_names_every_method():
    kinds = {method.model_fields["kind"].annotation.__args__[0] for method in get_args(get_args(Method)[0])}
    assert ROWS.keys() == kinds


def test_the_table_is_right_about_predictions_that_may_change():
    keeps = {
        calibrator.model_fields["kind"].default: calibrator.keeps_argmax
        for calibrator in get_args(get_args(Calibrator)[0])
    }
    assert {kind: word == "no" for kind, word in ROWS.items() if kind in keeps} == {
        kind: keep for kind, keep in keeps.items() if kind in ROWS
    }
    assert len(keeps.keys() & ROWS.keys()) > 3
