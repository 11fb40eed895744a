"""Training pictures of NLVR in every recolouring."""

import io
import tarfile
import zipfile
from collections.abc import Sequence
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from benchmarks.nlvr.scenes import COLOURS, RECOLOURINGS

if TYPE_CHECKING:
    import torch

RGB = {"yellow": (255, 255, 0), "black": (0, 0, 0), "blue": (0, 153, 255)}
BOX, BETWEEN = 211, 128
"""Greys of the boxes and of what lies between them."""

Pixels = npt.NDArray[np.uint8]


def recoloured(picture: Pixels, recolouring: int) -> Pixels:
    """A picture with its colours exchanged; the soft edges of items keep their share of the box's grey.

    Args:
        picture: [H, W, 3].
        recolouring: which of `RECOLOURINGS`.
    """
    packed = picture.astype(np.int32) @ np.asarray([1 << 16, 1 << 8, 1], dtype=np.int32)
    seen, place = np.unique(packed, return_inverse=True)
    pixels = np.stack([seen >> 16, seen >> 8 & 255, seen & 255], axis=1).astype(np.float32)  # [U, 3]
    drawn = np.asarray([RGB[colour] for colour in COLOURS], dtype=np.float32) - BOX  # [3, 3]
    share = (pixels - BOX) @ drawn.T / (drawn**2).sum(axis=1)  # [U, 3]: of each colour, were it that one
    error = ((pixels[:, None] - BOX - share[:, :, None] * drawn) ** 2).sum(axis=2)
    which = error.argmin(axis=1)
    own = np.take_along_axis(share, which[:, None], axis=1)
    new = np.asarray([RGB[RECOLOURINGS[recolouring][colour]] for colour in COLOURS], dtype=np.float32) - BOX
    changed = np.where((pixels == BETWEEN).all(axis=1)[:, None], pixels, BOX + own * new[which])
    table = changed.round().clip(0, 255).astype(np.uint8)
    return table[place].reshape(picture.shape)


def write_recoloured(archive: Path, target: Path) -> None:
    """Write every picture of a tar in every recolouring into a zip, `<name>-<recolouring>.png`."""
    from PIL import Image

    with tarfile.open(archive) as pictures, zipfile.ZipFile(target, "w", zipfile.ZIP_STORED) as out:
        for entry in pictures:
            file = pictures.extractfile(entry)
            if file is None or not entry.name.endswith(".png"):
                continue
            picture = np.asarray(Image.open(io.BytesIO(file.read())).convert("RGB"))
            for number in range(len(RECOLOURINGS)):
                into = io.BytesIO()
                Image.fromarray(recoloured(picture, number)).save(into, "png", compress_level=1)
                name = f"{PurePosixPath(entry.name).stem}-{number}.png"
                out.writestr(zipfile.ZipInfo(name), into.getvalue())  # without a time: the same bytes again


class Pictures:
    """Pictures of a zip as a model's input, all in memory."""

    def __init__(self, archive: Path, processor: Any) -> None:
        """Read every picture and pass it through an image processor."""
        import torch
        from PIL import Image

        with zipfile.ZipFile(archive) as pictures:
            names = pictures.namelist()
            self._places = {name: place for place, name in enumerate(names)}
            seen = []
            for name in names:
                picture = Image.open(io.BytesIO(pictures.read(name)))
                seen.append(processor(picture, return_tensors="pt")["pixel_values"].to(torch.float16))
        self._pixels = torch.cat(seen)

    def __call__(self, names: Sequence[str]) -> "torch.Tensor":
        """Pixel values [N, 3, H, W], fp32."""
        return self._pixels[[self._places[name] for name in names]].float()
