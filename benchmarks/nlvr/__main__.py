"""Sentences on synthetic pictures (NLVR) by a tiny dual encoder from scratch, the whole way to its numbers.

    python -m benchmarks.nlvr FOLDER_OF_NLVR WORK_FOLDER

FOLDER_OF_NLVR holds dev.json, hidden.json, test.json and images_{dev,hid,test}.tar.gz of lil-lab/nlvr.
Prints JSON: accuracy on validation and test with intervals, the share of the commonest answer, CPU seconds.
"""

import json
import resource
import shutil
import subprocess
import sys
from pathlib import Path

import click

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
STAGES = (
    "prepare artifacts/prepare reports/prepare",
    "base artifacts/prepare reports/base",
    "finetune artifacts/prepare reports/base/manifest.json artifacts/finetune",
    "evaluate artifacts/prepare artifacts/finetune artifacts/evaluate reports/evaluate latency.json",
    "calibrate artifacts/evaluate artifacts/calibrate reports/calibrate",
)
SIDE, PATCH, WIDTH, LAYERS, CONTEXT = 128, 16, 128, 2, 32


def make_base(folder: Path, sentences: list[str]) -> None:
    """A CLIP without weights: its config, its image processor, and a tokenizer trained on the sentences."""
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors, trainers
    from transformers import CLIPConfig, CLIPImageProcessorPil, CLIPProcessor, PreTrainedTokenizerFast

    start, end, unknown = "<|startoftext|>", "<|endoftext|>", "[UNK]"
    tokenizer = Tokenizer(models.WordLevel(unk_token=unknown))
    tokenizer.normalizer = normalizers.Lowercase()
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    trainer = trainers.WordLevelTrainer(
        special_tokens=[start, end, unknown], min_frequency=2, show_progress=False
    )
    tokenizer.train_from_iterator([*sentences, "true: false:", "true: false:"], trainer)
    tokenizer.post_processor = processors.TemplateProcessing(
        single=f"{start} $A {end}", special_tokens=[(start, 0), (end, 1)]
    )
    fast = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, bos_token=start, eos_token=end, pad_token=end, unk_token=unknown
    )
    tower = {
        "hidden_size": WIDTH,
        "intermediate_size": 4 * WIDTH,
        "num_hidden_layers": LAYERS,
        "num_attention_heads": 4,
    }
    ids = {"bos_token_id": 0, "eos_token_id": 1, "pad_token_id": 1}
    text = {**tower, **ids, "vocab_size": len(fast), "max_position_embeddings": CONTEXT}
    vision = {**tower, "image_size": SIDE, "patch_size": PATCH}
    CLIPConfig(text_config=text, vision_config=vision, projection_dim=WIDTH).save_pretrained(folder)
    images = CLIPImageProcessorPil(size={"height": SIDE, "width": SIDE}, do_center_crop=False)
    CLIPProcessor(image_processor=images, tokenizer=fast).save_pretrained(folder)


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("nlvr", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.argument("work", type=click.Path(path_type=Path))
def main(nlvr: Path, work: Path) -> None:
    """Make base and data in WORK_FOLDER, run the stages there, print what was reached."""
    shutil.copytree(nlvr, work / "data/nlvr", dirs_exist_ok=True)
    shutil.copy(HERE / "clip.yaml", work / "params.yaml")
    lines = [line for name in ("dev", "hidden") for line in (nlvr / f"{name}.json").open(encoding="utf-8")]
    make_base(work / "models/tiny-clip", [json.loads(line)["sentence"] for line in lines])
    for name in ("teacherspec", "stages", "pyproject.toml"):
        if not (work / name).exists():
            (work / name).symlink_to(ROOT / name)
    for stage in STAGES:
        subprocess.run([sys.executable, "-m", *f"stages.{stage}".split()], cwd=work, check=True)
    found = json.loads((work / "reports/evaluate/metrics.json").read_text())
    calibrated = json.loads((work / "reports/calibrate/metrics.json").read_text())
    counts = json.loads((work / "reports/prepare/metrics.json").read_text())["classes"]
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    told = {
        split: {
            "rows": sum(of[split] for of in counts.values()),
            "accuracy": found[split]["accuracy"],
            "commonest": max(of[split] for of in counts.values()) / sum(of[split] for of in counts.values()),
        }
        for split in ("train", "validation", "test")
    }
    ece = calibrated["test"]["ece"]
    told |= {"ece": {when: ece[when]["value"] for when in ("before", "after")}}
    told |= {"cpu_seconds": round(used.ru_utime + used.ru_stime)}
    click.echo(json.dumps(told, indent=2))


if __name__ == "__main__":
    main()
