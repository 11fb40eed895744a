"""How far copies, crops and distinct images lie apart by perceptual hash: `python -m benchmarks.images`.

    python -m benchmarks.images ARCHIVE…      (archives of photos, such as those of examples/clothing)

Writes the numbers of docs/image-data.md into README.md of this folder: share of the bits that differ between
an image and a changed copy of it (every tenth photo), between any two distinct photos, and between any two of
scikit-learn's digits.
"""

import io
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageEnhance, ImageFilter

from benchmarks.page import fill
from teacherspec.prepare.dedup.image_thumbnails import thumbnail_similarity
from teacherspec.prepare.sources.archives import read_archive
from teacherspec.prepare.sources.digits import tables
from teacherspec.spec.prepare.sources import DigitsSource
from teacherspec.tasks.shared.columns.image import ImageColumn
from teacherspec.tasks.shared.image_decoding import decode, encode_png

FIELD = ImageColumn("image")
README = Path(__file__).with_name("README.md")
EVERY = 10
COUNTED = 0.1

Change = Callable[[Image.Image], Image.Image]
Bits = npt.NDArray[np.uint8]


def recompressed(image: Image.Image, quality: int) -> Image.Image:
    sink = io.BytesIO()
    image.save(sink, "JPEG", quality=quality)
    return decode(sink.getvalue())


def cropped(image: Image.Image, share: float) -> Image.Image:
    across, down = round(image.width * share / 2), round(image.height * share / 2)
    return image.crop((across, down, image.width - across, image.height - down))


CHANGES: dict[str, Change] = {
    "half the size": lambda image: image.resize((image.width // 2, image.height // 2)),
    "a quarter of the size": lambda image: image.resize((image.width // 4, image.height // 4)),
    "blurred, radius 2": lambda image: image.filter(ImageFilter.GaussianBlur(2)),
    "grey": lambda image: image.convert("L"),
    "JPEG of quality 30": lambda image: recompressed(image, 30),
    "20 % brighter": lambda image: ImageEnhance.Brightness(image).enhance(1.2),
    "5 % cut off": lambda image: cropped(image, 0.05),
    "10 % cut off": lambda image: cropped(image, 0.1),
    "mirrored": lambda image: image.transpose(Image.Transpose.FLIP_LEFT_RIGHT),
}


def bits(content: bytes, side: int = 16) -> Bits:
    """The hash of an image as bits; `side` 8 gives the more usual 64 of them."""
    if side == 16:
        return np.unpackbits(np.frombuffer(FIELD.perceptual_hash(FIELD.read(content)), np.uint8))
    from imagehash import phash

    return phash(decode(content).convert("L"), hash_size=side).hash.ravel().astype(np.uint8)


def apart(hashes: Bits) -> npt.NDArray[np.float64]:
    """The share of bits that differ, `[N, B]` → one number a pair."""
    signs = hashes.astype(np.float32) * 2 - 1
    shares = (1 - signs @ signs.T / hashes.shape[1]) / 2
    found: npt.NDArray[np.float64] = shares[np.triu_indices(len(hashes), 1)]
    return found


def photos(paths: list[str]) -> Iterator[bytes]:
    for path in paths:
        yield from (member.content for member in read_archive(path, Path(path), 1 << 26))


def digits() -> Iterator[bytes]:
    for table in tables(DigitsSource(kind="digits"), Path()):
        with table.open(()) as opened:
            for row in opened.rows:
                yield row.values["image"]  # type: ignore[union-attr]


def copies_table(given: list[bytes], original: Bits) -> list[str]:
    lines = ["| copy | median | largest | sketches at least |", "|---|---:|---:|---:|"]
    for name, change in CHANGES.items():
        copies = [encode_png(change(decode(content))) for content in given[::EVERY]]
        shares = (np.stack([bits(copy) for copy in copies]) != original[::EVERY]).mean(1)
        pairs = zip(given[::EVERY], copies, strict=True)
        sketched = min(
            thumbnail_similarity(FIELD.grey_thumbnail(one), FIELD.grey_thumbnail(other))
            for one, other in pairs
        )
        lines.append(f"| {name} | {np.median(shares):.3f} | {shares.max():.3f} | {sketched:.2f} |")
    return lines


def main() -> None:
    given = list(photos(sys.argv[1:]))
    original = np.stack([bits(content) for content in given])
    lines = [f"{len(given)} photos, every {EVERY}th copied.", "", *copies_table(given, original)]
    lines += ["", f"Any two distinct photos: at least {apart(original).min():.3f}."]
    scans = list(digits())
    for side in (16, 8):
        near = int((apart(np.stack([bits(scan, side) for scan in scans])) < COUNTED).sum())
        lines += ["", f"Pairs of {len(scans)} digits under {COUNTED:g} of {side * side} bits apart: {near}."]
    print("\n".join(lines))
    fill(README, "figures", lines)


if __name__ == "__main__":
    main()
