"""The card of `distill/`, the data set of soft targets."""

import hashlib
from collections.abc import Iterable
from pathlib import Path

from teacherspec.package.resumable_shards import CONFIG
from teacherspec.runtime.atomic_io import sha256_file


def dataset_card(folder: Path, splits: Iterable[str], text: str) -> str:
    """The card, whose YAML head tells `datasets` which files belong to which split.

    `datasets` keeps what it once read of a folder by the folder's name and this head, whatever the files hold
    by then. So the head names their content: without it another teacher's soft targets would be returned.

    Args:
        folder: `distill/`, with the shards of all splits.
        splits: names of the splits.
        text: the card below the head.
    """
    from huggingface_hub import DatasetCardData

    files = [{"split": name, "path": f"{CONFIG}/{name}-*.parquet"} for name in splits]
    config = {"config_name": CONFIG, "description": f"sha256:{_digest(folder)}", "data_files": files}
    head = DatasetCardData(configs=[config]).to_yaml()
    return f"---\n{head}\n---\n\n{text}"


def _digest(folder: Path) -> str:
    """Hex SHA-256 of the names and digests of all shards, as `sha256sum` lists them."""
    shards = sorted((folder / CONFIG).glob("*.parquet"))
    lines = "".join(f"{sha256_file(path)}  {CONFIG}/{path.name}\n" for path in shards)
    return hashlib.sha256(lines.encode()).hexdigest()
