"""What a declaration may ask of a teacher, by the output type of its task."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from teacherspec.tasks.shared.columns.base import Column
from teacherspec.tasks.shared.columns.image import ImageColumn
from teacherspec.tasks.shared.columns.text import TextColumn
from teacherspec.tasks.shared.interfaces.declaration import OutputType


@dataclass(frozen=True)
class Supported:
    """What the stages can do for one output type.

    Attributes:
        answers: whether `evaluate.generation` lets the teacher write answers.
        slices: whether `evaluate.slices` cuts the test split.
        perturbations: whether `evaluate.perturbations` changes its rows.
        tokens: whether `package` may choose tokens of soft targets and trim the vocabulary.
        calibration: kinds of `calibrate.method`; None allows all.
        abstention: whether `calibrate.abstain` sets a confidence below which the teacher abstains.
        thresholds: whether `calibrate.thresholds` sets from which probability labels are predicted.
        transfer: why rows of `role: transfer` cannot be taken; empty where they can.
        students: kinds of `probe.students`, by what they read of a row.
        token_students: kinds of `probe.students` that read the tokens of rows without images.
    """

    answers: bool = False
    slices: bool = False
    perturbations: bool = True
    tokens: bool = False
    calibration: tuple[str, ...] | None = ("temperature", "none")
    abstention: bool = False
    thresholds: bool = False
    transfer: str = ""
    students: Mapping[type[Column], tuple[str, ...]] = field(default_factory=dict)
    token_students: tuple[str, ...] = ()


SUPPORTED: Mapping[OutputType, Supported] = {
    "classification": Supported(
        slices=True,
        calibration=(
            "none",
            "temperature",
            "class_temperature",
            "vector",
            "dirichlet",
            "isotonic",
            "histogram",
            "auto",
        ),
        abstention=True,
        students={
            TextColumn: ("bag_of_ngrams", "text_cnn", "text_transformer"),
            ImageColumn: ("image_resnet", "image_vit", "image_embedder"),
        },
    ),
    "generation": Supported(
        answers=True,
        tokens=True,
        token_students=("small_llama", "pretrained_lm"),
    ),
    "multi_label": Supported(
        perturbations=False,
        calibration=("temperature", "vector", "auto", "none"),
        thresholds=True,
    ),
    "regression": Supported(perturbations=False, calibration=("conformal", "none")),
    "retrieval": Supported(
        perturbations=False,
        transfer="a row is a pair of image and text, which is its own label: declare its split, or the role "
        "shifted",
        students={ImageColumn: ("dual_encoder",)},
    ),
    "tagging": Supported(perturbations=False),
}
"""One entry for each output type."""
