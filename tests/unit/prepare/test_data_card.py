"""The data card states what was declared and found, in the format of the hub."""

import re

from huggingface_hub import DatasetCard

from teacherspec.prepare.report.advice import advice
from teacherspec.spec.finetune import Finetune
from teacherspec.spec.prepare.prepare import Prepare
from tests.unit.prepare.toy_data import Workshop, jsonl, messages


def test_the_card_is_one_that_the_hub_reads(workshop: Workshop) -> None:
    workshop.write("data/rows.jsonl", jsonl([*messages(200), messages(1)[0]]))
    prepared = workshop.prepare([{"kind": "jsonl", "path": "data/rows.jsonl", "share": 0.9}])
    card = DatasetCard((workshop.reports / "card.md").read_text())
    header = card.data.to_dict()
    assert header["size_categories"] == ["n<1K"]
    assert {split["name"]: split["num_examples"] for split in header["dataset_info"]["splits"]} == {
        name: split.rows for name, split in prepared.splits.items()
    }
    assert [one["name"] for one in header["dataset_info"]["features"]] == ["id", "text", "label"]
    assert "| `data/rows.jsonl` | jsonl | by_hash | 0.9 of them |" in card.text
    assert "| duplicates | `duplicates: drop` | 1 |" in card.text


def named(sentences: list[str]) -> set[str]:
    return {
        name.partition(":")[0]
        for text in sentences
        for name in re.findall(r"`((?:finetune|prepare)\.[^`]+)`", text)
    }


def test_advice_names_params_that_exist() -> None:
    splits = {"train": {"rows": 200, "smallest_class": 2, "largest_class": 100}}
    few = {"splits": splits, "classes": {}, "looks_private": {"rows": 0}}
    many = {**few, "splits": {"train": {"rows": 200_000}}}
    schemas = {"finetune": Finetune.model_json_schema(), "prepare": Prepare.model_json_schema()}
    names = named([*advice(few), *advice(many)])
    assert names >= {"finetune.class_weights", "finetune.weight_decay", "prepare.sources.share"}
    for name in names:
        section, *path = name.split(".")
        known = {
            key
            for part in (schemas[section], *schemas[section]["$defs"].values())
            for key in part.get("properties", {})
        }
        assert set(path) <= known, name
