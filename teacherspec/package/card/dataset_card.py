"""The card of `distill/`, the data set of soft targets."""

from collections.abc import Iterable

from teacherspec.package.resumable_shards import CONFIG


def dataset_card(splits: Iterable[str], text: str) -> str:
    """The card, whose YAML head tells `datasets` which files belong to which split."""
    from huggingface_hub import DatasetCardData

    files = [{"split": name, "path": f"{CONFIG}/{name}-*.parquet"} for name in splits]
    head = DatasetCardData(configs=[{"config_name": CONFIG, "data_files": files}]).to_yaml()
    return f"---\n{head}\n---\n\n{text}"
