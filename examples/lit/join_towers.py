"""Join an image encoder and a sentence encoder to a dual encoder with random projections: a base for LiT.

    python examples/lit/join_towers.py models/dinov2-small models/all-minilm-l6-v2 models/dinov2-minilm

Both folders are bases as `save_pretrained` writes them. Training with a locked image tower (LiT, Zhai et al.
2022, arXiv 2111.07991) teaches the text tower and both projections what the image tower sees.
"""

import sys
from pathlib import Path

from transformers import (
    AutoImageProcessor,
    AutoTokenizer,
    VisionTextDualEncoderModel,
    VisionTextDualEncoderProcessor,
    set_seed,
)

WIDTH = 384
"""Of the common embedding space."""


def join(image_tower: Path, text_tower: Path, target: Path, width: int = WIDTH) -> None:
    """Write the dual encoder of the two towers to `target`; its projections are drawn with seed 0."""
    set_seed(0)
    model = VisionTextDualEncoderModel.from_vision_text_pretrained(
        str(image_tower), str(text_tower), projection_dim=width
    )
    model.save_pretrained(target)
    image_processor = AutoImageProcessor.from_pretrained(image_tower)
    processor = VisionTextDualEncoderProcessor(image_processor, AutoTokenizer.from_pretrained(text_tower))
    processor.save_pretrained(target)


if __name__ == "__main__":
    join(Path(sys.argv[1]), Path(sys.argv[2]), Path(sys.argv[3]))
