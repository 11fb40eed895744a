"""`dvc exp run --set-param` rewrites params.yaml: in the form that DVC writes, only the value changes."""

import shutil
from difflib import ndiff
from pathlib import Path

from dvc.utils.hydra import apply_overrides

ROOT = Path(__file__).parents[2]


def test_setting_a_param_changes_its_line_only(tmp_path: Path) -> None:
    file = tmp_path / "params.yaml"
    shutil.copy(ROOT / "params.yaml", file)
    before = file.read_text().splitlines()
    apply_overrides(str(file), ["finetune.batch_size=17"])
    after = file.read_text().splitlines()
    changed = [line for line in ndiff(before, after) if line[0] in "+-"]
    assert [line[0] for line in changed] == ["-", "+"], (
        "params.yaml is not in the form that DVC writes (long texts as `>-`); this brings it there: "
        "`apply_overrides('params.yaml', ['finetune.seed=0'])` of dvc.utils.hydra\n" + "\n".join(changed)
    )
    assert "batch_size: 17" in changed[1]
