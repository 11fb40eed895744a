"""Accuracy of a linear probe on frozen features of DINOv2 by pooling and layer.

    python examples/dinov2/compare_poolings.py models/dinov2-small PHOTOS 112

PHOTOS has folders train, validation and test with a folder for each class, as the archives unpack to. The
side is in pixels, cut from the middle of a photo whose shorter side has a seventh more.
"""

import sys
from collections.abc import Iterator
from pathlib import Path

import torch
from PIL import Image
from torch.nn.functional import normalize
from transformers import AutoImageProcessor, Dinov2Model

from teacherspec.inference.linear_probe import fit_linear_probe

BATCH = 8
LAYERS = (-1, -2, -4, -6)


def outputs(model: Dinov2Model, processor: object, files: list[Path]) -> Iterator[torch.Tensor]:
    """For each batch `[B, L, 2, H]`: class token and mean of patches of each layer, after the last norm."""
    for begin in range(0, len(files), BATCH):
        images = [Image.open(file).convert("RGB") for file in files[begin : begin + BATCH]]
        pixels = processor(images, return_tensors="pt")["pixel_values"]  # type: ignore[operator]
        states = model(pixels, output_hidden_states=True).hidden_states
        layers = [model.layernorm(states[layer]) for layer in LAYERS]
        yield torch.stack([torch.stack([one[:, 0], one[:, 1:].mean(1)], 1) for one in layers], 1)


def main(base: Path, photos: Path, side: int) -> None:
    """Print the table."""
    model = Dinov2Model.from_pretrained(base).eval()
    shorter = round(side * 8 / 7)
    processor = AutoImageProcessor.from_pretrained(
        base, backend="pil", size={"shortest_edge": shorter}, crop_size={"height": side, "width": side}
    )
    names = sorted(folder.name for folder in (photos / "train").iterdir())
    found = {}
    for split in ("train", "validation", "test"):
        files = sorted((photos / split).glob("*/*"))
        labels = torch.tensor([names.index(file.parent.name) for file in files])
        with torch.no_grad():
            found[split] = (torch.cat(list(outputs(model, processor, files))), labels)
    poolings = {"class token": [0], "mean of the patches": [1], "both": [0, 1]}
    for at, layer in enumerate(LAYERS):
        for name, parts in poolings.items():
            rows = {
                split: (normalize(states[:, at, parts].flatten(1), dim=-1), labels)
                for split, (states, labels) in found.items()
            }
            probe = fit_linear_probe(rows["train"], rows["validation"], len(names))
            features, labels = rows["test"]
            accuracy = (probe.logits(features).argmax(1) == labels).float().mean().item()
            print(f"{name}, layer {layer}: {accuracy:.3f}")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]))
