"""Save a model folder whose bytes do not depend on how the model was loaded."""

from pathlib import Path
from typing import Any

from teacherspec.runtime.atomic_io import read_json, write_json
from teacherspec.tasks.shared.tied_head import state_tied_head

LOADING_KEYS = ("is_local", "local_files_only", "name_or_path", "_name_or_path", "_commit_hash")


def save_pretrained(model: Any, processor: Any, folder: Path) -> None:
    """Write weights (safetensors), config and processor to `folder`, without traces of the machine.

    transformers records in `tokenizer_config.json` how the tokenizer was loaded; that would change the
    bytes between a base from the hub and the same base from disk.
    """
    state_tied_head(model)  # low-rank training may have untied it
    model.save_pretrained(folder)
    processor.save_pretrained(folder)
    for path in sorted(folder.glob("*.json")):
        content = read_json(path)
        if isinstance(content, dict) and any(key in content for key in LOADING_KEYS):
            write_json(path, {key: value for key, value in content.items() if key not in LOADING_KEYS})
