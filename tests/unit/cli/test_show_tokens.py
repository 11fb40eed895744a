"""`show-tokens`: which tokens are supervised."""

from pathlib import Path

import pytest
from click.testing import CliRunner

from teacherspec.cli.main import main
from tests.pipeline.causal_lm.toys import lm_base, lm_prepared
from tests.unit.check.example import RIGHT

DECLARED = """\
task: {kind: causal_lm, rendering: {kind: chat}, max_length: 64}
prepare:
  data: data
  sources: [{kind: jsonl, path: data/rows.jsonl}]
  fractions: {train: 0.7, validation: 0.1, calibration: 0.1, test: 0.1}
base: {source: {kind: path, folder: base}, license: mit}
finetune: {epochs: 1, batch_size: 8, learning_rate: 1.0e-3}
evaluate: {}
calibrate: {}
probe: {}
package:
  name: toy
  description: Toy.
  intended_use: Tests.
  data_license: mit
  gates: [{metric: evaluate.test.accuracy, at_least: 0.5}]
"""


def test_supervised_tokens_are_marked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("params.yaml").write_text(DECLARED)
    lm_base(Path("base"))
    Path("artifacts/prepare").mkdir(parents=True)
    lm_prepared(Path("artifacts/prepare"), train=4, other=2)
    result = CliRunner().invoke(main, ["show-tokens", "-n", "2"])
    assert result.exit_code == 0, result.output
    first, second, *rest = result.output.split("\n\n")
    assert first.startswith("train-0000: ")
    assert "<|im_start|>|" in first
    supervised = first.split("\n", 1)[1].split("«")[1].split("»")[0]
    assert supervised.count("|") - 2 + 1 == int(
        first.split("tokens, ")[1].split(" supervised")[0]
    )  # and <|…|>
    assert supervised.endswith("|<|im_end|>")
    assert second.count("«") == second.count("»") == 2  # the headline names the marks
    assert not any(rest[:-1])
    assert CliRunner().invoke(main, ["show-tokens", "--split", "nope"]).exit_code == 1


def test_a_classifier_trains_on_no_tokens(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("params.yaml").write_text(RIGHT)
    result = CliRunner().invoke(main, ["show-tokens"])
    assert result.exit_code == 1
    assert "trains on no tokens" in result.output
