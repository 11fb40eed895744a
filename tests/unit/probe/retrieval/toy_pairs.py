"""A toy of pairs whose texts often name a wrong colour, with a teacher that sees the right one, or none."""

from pathlib import Path

import numpy as np
import pyarrow as pa

from teacherspec.predictions.index import PredictionIndex
from teacherspec.predictions.index import save_index as save_prediction_index
from teacherspec.predictions.retrieval import (
    Comparison,
    EmbeddingPredictions,
    save_comparison,
    save_embedding_predictions,
)
from teacherspec.probe.sources import Sources
from teacherspec.runtime.atomic_io import sha256_file, write_json, write_parquet
from teacherspec.splits import Prepared, Split, save_index
from teacherspec.tasks.shared.image_decoding import encode_png

ROLES = {
    "train": "train", "validation": "validation", "calibration": "calibration", "test": "test",
    "shifted": "shifted",
}  # fmt: skip
IMAGES = {"train": 80, "validation": 20, "calibration": 20, "test": 30, "shifted": 20}
SHADES, WIDTH = 6, 8


def picture(colour: np.ndarray, draw: np.random.Generator) -> bytes:
    """A noisy square of one colour."""
    from PIL import Image

    pixels = (40 * colour + draw.integers(0, 20, (8, 8, 3))).astype(np.uint8)
    return encode_png(Image.fromarray(pixels))


def toy_pairs(folder: Path, *, knows: float = 1.0, noise: float = 0.5, texts: int = 2) -> Sources:
    """Prepared pairs, embeddings and a calibrator.

    Args:
        folder: to write to, `artifacts/…` and `fit.json`.
        knows: how far the teacher's embeddings follow the colour; 0 for one that knows nothing.
        noise: share of the train texts that name another colour.
        texts: of each image.
    """
    draw = np.random.default_rng(3)
    prepared, evaluated = folder / "artifacts/prepare", folder / "artifacts/evaluate"
    space = draw.normal(size=(9, WIDTH))
    splits, rows = {}, {}
    for name, role in ROLES.items():
        colours = draw.integers(SHADES, size=(IMAGES[name], 3))
        image_of = np.repeat(np.arange(IMAGES[name]), texts)
        named = colours[image_of]
        if name == "train":
            wrong = draw.random(len(named)) < noise
            named = np.where(wrong[:, None], draw.integers(SHADES, size=named.shape), named)
        content = [
            f"red{r} green{g} blue{b} variant{place % texts}"
            for place, (r, g, b) in enumerate(named.tolist())
        ]
        pictures = [picture(colour, draw) for colour in colours]
        ids = [f"{name}-{place}" for place in range(len(image_of))]
        path = prepared / f"{name}.parquet"
        images = pa.array([pictures[place] for place in image_of], pa.binary())
        write_parquet(path, pa.table({"id": ids, "image": images, "text": content}))
        splits[name] = Split(name, role, len(ids), sha256_file(path), path)
        rows[name] = len(ids)

        def embed(of: np.ndarray) -> np.ndarray:
            angles = of * (np.pi / 2 / (SHADES - 1))
            own = np.concatenate([np.cos(angles), np.sin(angles), np.ones_like(angles)], axis=1) @ space
            own = knows * own + (1 - knows + 0.05) * draw.normal(size=own.shape)
            return (own / np.linalg.norm(own, axis=1, keepdims=True)).astype(np.float32)

        _, text_of = np.unique(content, return_inverse=True)
        embedded = embed(colours)[image_of], embed(named)
        found = EmbeddingPredictions(ids, *embedded, image_of.astype(np.int64), text_of.astype(np.int64))
        save_embedding_predictions(evaluated, name, found)
    save_index(prepared, Prepared("clip_retrieval", (), splits))
    save_prediction_index(evaluated, PredictionIndex((), ROLES, rows, "retrieval"))
    save_comparison(evaluated, Comparison(20.0, 0.0, 10, 0))
    calibrator = {"kind": "temperature", "temperature": 2.0}
    write_json(folder / "artifacts/calibrate/calibration.json", {"calibrator": calibrator})
    write_json(folder / "fit.json", {"parameters": {"total": 10_000_000}})
    prepared_rows = Prepared("clip_retrieval", (), splits)
    return Sources(prepared_rows, ["image"], folder / "artifacts", ["text"])
