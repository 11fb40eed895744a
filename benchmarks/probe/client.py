"""A student as somebody without this project would train it, from the files of a package alone.

Reads soft targets by `datasets.load_dataset` and the temperature out of `calibration.json`; features are
scikit-learn's, the loop is plain torch. It shares no code with the probe whose verdict it checks.
"""

import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from datasets import load_dataset
from scipy import stats
from sklearn.feature_extraction.text import TfidfVectorizer
from torch.nn.functional import cross_entropy, kl_div, log_softmax

SEEDS, EPOCHS, BATCH, WIDTH, RATE = 4, 20, 32, 128, 1e-3
TEMPERATURE = 4.0


def lift(artifacts: Path) -> dict[str, dict[str, float]]:
    """Split → accuracy with labels only, taught, their difference in points and half its 95 % interval.

    The interval is Student's t over the seeds on fixed rows, so narrower than the probe's.
    """
    soft = load_dataset(str(artifacts / "teacher/distill"), "soft", split="train")
    calibration = json.loads((artifacts / "teacher/calibration/calibration.json").read_text("utf-8"))
    scale = TEMPERATURE * calibration["calibrator"]["temperature"]
    features = TfidfVectorizer(ngram_range=(1, 2), min_df=2, sublinear_tf=True)
    inputs = torch.from_numpy(features.fit_transform(soft["text"][:]).toarray()).float()
    labels, logits = torch.tensor(soft["label"][:]), torch.tensor(soft["logits"][:])
    targets = (logits / scale).softmax(-1)
    sets = {}
    for name in ("test", "shifted"):
        rows = load_dataset("parquet", data_files=str(artifacts / f"prepare/{name}.parquet"), split="train")
        sets[name] = (
            torch.from_numpy(features.transform(rows["text"][:]).toarray()).float(),
            torch.tensor(rows["label"][:]),
        )
    found = {
        name: [scores(inputs, labels, targets if taught else None, seed, sets) for seed in range(SEEDS)]
        for name, taught in (("hard", False), ("soft", True))
    }
    return {name: summary(found, name) for name in sets}


def scores(
    inputs: torch.Tensor,
    labels: torch.Tensor,
    targets: torch.Tensor | None,
    seed: int,
    sets: Mapping[str, tuple[torch.Tensor, torch.Tensor]],
) -> dict[str, float]:
    """Accuracy on each set of one student; without `targets` it learns the labels."""
    torch.manual_seed(seed)
    student = torch.nn.Sequential(
        torch.nn.Linear(inputs.shape[1], WIDTH),
        torch.nn.ReLU(),
        torch.nn.Linear(WIDTH, int(labels.max()) + 1),
    )
    optimizer = torch.optim.AdamW(student.parameters(), lr=RATE)
    for _ in range(EPOCHS):
        for chosen in torch.randperm(len(inputs)).split(BATCH):
            out = student(inputs[chosen])
            if targets is None:
                loss = cross_entropy(out, labels[chosen])
            else:
                loss = TEMPERATURE**2 * kl_div(
                    log_softmax(out / TEMPERATURE, -1), targets[chosen], reduction="batchmean"
                )
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    with torch.no_grad():
        return {
            name: float((student(rows).argmax(-1) == right).float().mean())
            for name, (rows, right) in sets.items()
        }


def summary(found: Mapping[str, list[dict[str, float]]], name: str) -> dict[str, float]:
    """Means, and the paired difference over the seeds."""
    hard, soft = (np.array([one[name] for one in found[arm]]) for arm in ("hard", "soft"))
    points: npt.NDArray[np.float64] = 100 * (soft - hard)
    half = stats.t.ppf(0.975, SEEDS - 1) * points.std(ddof=1) / np.sqrt(SEEDS)
    means = {"labels only": hard.mean(), "taught": soft.mean(), "lift": points.mean(), "±": half}
    return {key: round(float(value), 4) for key, value in means.items()}
