"""Sentences on synthetic pictures (NLVR) by a LLaVA of a million weights from scratch, down to its numbers.

    python -m benchmarks.nlvr.llava FOLDER_OF_NLVR WORK_FOLDER

NLVR asks for counting, colours and places at once, which thousands of rows do not teach a model that has
never seen anything. Each picture comes with a list of what is drawn on it; plain statements about that list,
half of them true, teach the eyes. They are made of training pictures only; real sentences are measured.
Prints JSON: accuracy on validation and test with intervals, the share of the commonest answer, CPU seconds.
"""

import json
import random
import resource
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import click

from benchmarks.nlvr.__main__ import HERE, ROOT, STAGES

SIDE, PATCH, WIDTH, LAYERS, CONTEXT = 96, 12, 128, 3, 128
PICTURES = 3
"""Orders of the boxes of a scene in images_dev.tar.gz."""
STATEMENTS = 3
"""Made of each picture."""
COLOURS = {"yellow": "Yellow", "black": "Black", "blue": "#0099ff"}
SHAPES = ("circle", "triangle", "square")
NUMBERS = ("no", "one", "two", "three", "four", "five", "six", "seven")


def make_base(folder: Path, sentences: Sequence[str]) -> None:
    """A LLaVA without weights: its config, its processor, and a tokenizer trained on the sentences."""
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, trainers
    from transformers import (
        CLIPVisionConfig,
        LlamaConfig,
        LlavaConfig,
        LlavaProcessor,
        PreTrainedTokenizerFast,
    )
    from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil

    pad, unknown, end, image = special = ["[PAD]", "[UNK]", "</s>", "<image>"]
    tokenizer = Tokenizer(models.WordLevel(unk_token=unknown))
    tokenizer.normalizer = normalizers.Lowercase()
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    trainer = trainers.WordLevelTrainer(special_tokens=special, min_frequency=2, show_progress=False)
    tokenizer.train_from_iterator([*sentences, "= true", "= false", "= true", "= false"], trainer)
    fast = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        pad_token=pad,
        unk_token=unknown,
        eos_token=end,
        extra_special_tokens=[image],
    )
    size = {
        "hidden_size": WIDTH,
        "intermediate_size": 3 * WIDTH,
        "num_hidden_layers": LAYERS,
        "num_attention_heads": 4,
    }
    vision = CLIPVisionConfig(**size, image_size=SIDE, patch_size=PATCH)
    text = LlamaConfig(
        **size, vocab_size=len(fast), max_position_embeddings=CONTEXT, eos_token_id=2, pad_token_id=0
    )
    LlavaConfig(
        vision_config=vision, text_config=text, image_token_index=3, vision_feature_layer=-1
    ).save_pretrained(folder)
    images = CLIPImageProcessorPil(size={"height": SIDE, "width": SIDE}, do_center_crop=False)
    LlavaProcessor(
        image_processor=images,
        tokenizer=fast,
        patch_size=PATCH,
        vision_feature_select_strategy="default",
        num_additional_image_tokens=1,
    ).save_pretrained(folder)


def write_statements(scenes: Path, target: Path, seed: int = 0) -> list[str]:
    """Write true and false statements about the scenes of a file as JSON lines; return their texts."""
    draw = random.Random(seed)  # noqa: S311 - nothing secret is drawn
    told = []
    with scenes.open(encoding="utf-8") as lines, target.open("w", encoding="utf-8") as out:
        for scene in map(json.loads, lines):
            for number in range(PICTURES):
                for at, (sentence, label) in enumerate(_statements(scene["structured_rep"], draw)):
                    row = {
                        "id": f"made-{scene['identifier']}-{number}-{at}",
                        "picture": f"{scene['identifier']}-{number}",
                        "sentence": sentence,
                        "label": label,
                    }
                    out.write(json.dumps(row) + "\n")
                    told.append(sentence)
    return told


def _statements(boxes: Sequence[Sequence[dict[str, Any]]], draw: random.Random) -> Iterator[tuple[str, str]]:
    """Different statements, true and false in turn."""
    seen: set[str] = set()
    while len(seen) < STATEMENTS:
        wanted = len(seen) % 2 == 0
        for _ in range(50):
            sentence, holds = _statement(boxes, draw)
            if holds is wanted and sentence not in seen:
                break
        seen.add(sentence)
        yield sentence, str(holds).lower()


def _statement(boxes: Sequence[Sequence[dict[str, Any]]], draw: random.Random) -> tuple[str, bool]:
    stacked = all(
        item["type"] == "square" and item["x_loc"] == box[0]["x_loc"] for box in boxes for item in box
    )
    return (_of_towers if stacked and draw.random() < 0.7 else _of_items)(boxes, draw)


def _of_towers(boxes: Sequence[Sequence[dict[str, Any]]], draw: random.Random) -> tuple[str, bool]:
    """Boxes that hold one tower of blocks each."""
    colour, number = draw.choice(list(COLOURS)), draw.randrange(1, 5)
    many = f"{NUMBERS[number]} block{'s' if number > 1 else ''}"
    ends = {"base": max, "top": min}  # rows are counted from above
    end = draw.choice(list(ends))
    found = [ends[end](box, key=lambda item: item["y_loc"])["color"] for box in boxes if box]
    heights = [len(box) for box in boxes if box]
    has = sum(COLOURS[colour] in [item["color"] for item in box] for box in boxes)
    ended = f"a {colour} block at the {end}"
    return draw.choice(
        [
            (f"There is a tower with {many}.", number in heights),
            (f"There is exactly one tower with {ended}.", found.count(COLOURS[colour]) == 1),
            (f"There is a tower with {ended}.", COLOURS[colour] in found),
            (f"There are two towers with {ended}.", found.count(COLOURS[colour]) == 2),
            (f"There is a tower with a {colour} block.", has > 0),
            (f"There are two towers with {many}.", heights.count(number) == 2),
        ]
    )


def _of_items(boxes: Sequence[Sequence[dict[str, Any]]], draw: random.Random) -> tuple[str, bool]:
    colour, shape = draw.choice([*COLOURS, ""]), draw.choice([*SHAPES, "item"])
    counts = [
        sum(
            COLOURS.get(colour, item["color"]) == item["color"] and shape in ("item", item["type"])
            for item in box
        )
        for box in boxes
    ]
    name, number = " ".join(filter(None, (colour, shape))), draw.randrange(1, len(NUMBERS))
    many = f"{NUMBERS[number]} {name}{'s' if number > 1 else ''}"
    total = sum(counts)
    return draw.choice(
        [
            (f"There is a {name}.", total > 0),
            (f"There is no {name}.", total == 0),
            (f"There are at least {many}.", total >= number),
            (f"There is a box with {many}.", number in counts),
            (f"There is a box with no {name}.", 0 in counts),
            (f"Each box has a {name}.", min(counts) > 0),
        ]
    )


def share(interval: Mapping[str, float]) -> dict[str, float]:
    """Share of right answers, from that of right tokens: an answer is one word and its sure end."""
    return {name: 2 * value - 1 for name, value in interval.items()}


def commonest(split: Path) -> float:
    """Share of the commonest answer among the rows of a split."""
    import pyarrow.parquet as pq

    answers = [row[0] for row in pq.read_table(split, columns=["completion"])["completion"].to_pylist()]
    return Counter(answers).most_common(1)[0][1] / len(answers)


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("nlvr", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.argument("work", type=click.Path(path_type=Path))
def main(nlvr: Path, work: Path) -> None:
    """Make base, statements and data in WORK_FOLDER, run the stages there, print what was reached."""
    data = work / "data/nlvr"
    shutil.copytree(nlvr, data, dirs_exist_ok=True)
    shutil.copy(HERE / "llava.yaml", work / "params.yaml")
    told = write_statements(data / "dev.json", data / "statements.jsonl")
    lines = (data / "dev.json").read_text(encoding="utf-8").splitlines()
    make_base(work / "models/tiny-llava", [*told, *(json.loads(line)["sentence"] for line in lines)])
    for name in ("teacherspec", "stages", "pyproject.toml"):
        if not (work / name).exists():
            (work / name).symlink_to(ROOT / name)
    for stage in STAGES:
        subprocess.run([sys.executable, "-m", *f"stages.{stage}".split()], cwd=work, check=True)
    found = json.loads((work / "reports/evaluate/metrics.json").read_text())
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    reached: dict[str, Any] = {
        split: {
            "accuracy": share(found[split]["accuracy"]),
            "commonest": commonest(work / f"artifacts/prepare/{split}.parquet"),
        }
        for split in ("validation", "test")
    }
    reached["test"]["exact_match"] = found["test"]["generated"]["exact_match"]
    reached["cpu_seconds"] = round(used.ru_utime + used.ru_stime)
    click.echo(json.dumps(reached, indent=2))


if __name__ == "__main__":
    main()
