"""Small real pictures, made from numbers."""

import io
from typing import Any

import numpy as np
from PIL import Image


def scene(seed: int, width: int = 48, height: int = 40) -> Image.Image:
    """Coloured blobs, large and small: a picture with structure, another one for every seed."""
    draw = np.random.default_rng(seed)
    layers = [
        Image.fromarray(draw.integers(0, 256, (cells, cells, 3), np.uint8)).resize(
            (width, height), Image.Resampling.BICUBIC
        )
        for cells in (6, 16)
    ]
    return Image.blend(*layers, 0.4)


def encoded(image: Image.Image, kind: str = "PNG", **options: Any) -> bytes:
    """The picture as a file of this kind."""
    sink = io.BytesIO()
    image.save(sink, kind, **options)
    return sink.getvalue()


def animated(kind: str) -> bytes:
    """Three frames."""
    frames = [scene(seed) for seed in range(3)]
    return encoded(frames[0], kind, save_all=True, append_images=frames[1:])


def bomb(width: int, height: int) -> bytes:
    """A PNG whose header promises this many pixels, with next to no data behind it."""
    import struct
    import zlib

    def chunk(kind: bytes, content: bytes) -> bytes:
        return (
            struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))
        )

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(bytes(100)))
        + chunk(b"IEND", b"")
    )
