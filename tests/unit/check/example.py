"""A small right declaration, and what is said about wrong variants of it."""

from pathlib import Path

from click.testing import CliRunner, Result

from teacherspec.cli.main import main

RIGHT = """\
task:
  kind: text_classification
  max_length: 64
prepare:
  seed: 1
  sources:
    - kind: jsonl
      path: data/messages.jsonl
  fractions: {train: 0.6, validation: 0.1, calibration: 0.15, test: 0.15}
  data: data
base:
  source:
    kind: hub
    id: owner/encoder
    revision: 0123456789abcdef0123456789abcdef01234567
  license: apache-2.0
finetune:
  epochs: 3
  batch_size: 32
  learning_rate: 2e-4
evaluate:
  batch_size: 64
calibrate:
  n_bins: 15
package:
  name: mailroom
  description: Sorts messages.
  intended_use: Teaching a smaller model to sort messages.
  data_license: cc0-1.0
  gates:
    - {metric: evaluate.test.accuracy, at_least: 0.9}
probe: {}
"""


def changed(*edits: tuple[str, str]) -> str:
    """`RIGHT` with each old text, which must be in it, replaced by a new one."""
    text = RIGHT
    for old, new in edits:
        assert text.count(old) == 1, (old, text.count(old))
        text = text.replace(old, new)
    return text


def check(folder: Path, content: str | bytes) -> Result:
    """Run `python -m teacherspec check params.yaml` on `content`."""
    file = folder / "params.yaml"
    file.write_bytes(content.encode() if isinstance(content, str) else content)
    return CliRunner().invoke(main, ["check", str(file)], catch_exceptions=False)


def problems(folder: Path, content: str | bytes) -> list[str]:
    """The lines that refuse `content`, without the name of the file; none when it is right."""
    result = check(folder, content)
    assert result.exit_code == (1 if result.stderr else 0), result.output
    return [line.removeprefix(f"{folder / 'params.yaml'}:") for line in result.stderr.splitlines()]
