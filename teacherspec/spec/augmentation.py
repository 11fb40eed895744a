"""`params.yaml: finetune.augmentation`: random changes to training images, for each row and epoch."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from teacherspec.spec.section import Section

VIEWS = "views.parquet"
"""File of the recorded views, next to the model folder and in the package."""

Share = Annotated[float, Field(gt=0.0, le=1.0)]
Ratio = Annotated[float, Field(gt=0.0, le=10.0)]
Strength = Annotated[float, Field(ge=0.0, lt=1.0)]


class RandomCrop(Section):
    """A random part of the image, resized to the model's input (Szegedy et al. 2015)."""

    area: tuple[Share, Share] = (0.35, 1.0)
    """Smallest and largest share of the image's area."""

    aspect: tuple[Ratio, Ratio] = (0.75, 1.3333)
    """Smallest and largest width over height of the part."""

    @model_validator(mode="after")
    def _ascend(self) -> Self:
        for name, (low, high) in (("area", self.area), ("aspect", self.aspect)):
            if low > high:
                raise ValueError(f"{name}: the smallest comes first (given {low:g}, {high:g})")
        return self


class Colour(Section):
    """Random changes of colour, each by a factor drawn from 1 - x to 1 + x."""

    brightness: Strength = 0.4
    """x of the brightness."""

    contrast: Strength = 0.4
    """x of the contrast."""

    saturation: Strength = 0.4
    """x of the saturation; grey images stay grey."""


class RandAugment(Section):
    """Operations drawn from fourteen, all at one magnitude (Cubuk et al. 2020, arXiv 1909.13719)."""

    operations: int = Field(default=2, ge=1, le=14)
    """Number of operations applied to an image, one after the other."""

    magnitude: int = Field(default=9, ge=0, le=30)
    """Strength, out of 30."""


class Mixup(Section):
    """Two images blended, and their labels with them (Zhang et al. 2018, arXiv 1710.09412)."""

    kind: Literal["mixup"]
    """The mixing method."""

    alpha: float = Field(default=0.2, gt=0.0, le=10.0)
    """Both parameters of the Beta distribution that the share of the first image is drawn from."""

    share: Share = 1.0
    """Share of the images that are mixed."""


class CutMix(Section):
    """A box of one image set into another, labels mixed by area (Yun et al. 2019, arXiv 1905.04899)."""

    kind: Literal["cutmix"]
    """The mixing method."""

    alpha: float = Field(default=1.0, gt=0.0, le=10.0)
    """Both parameters of the Beta distribution that the area of the first image is drawn from."""

    share: Share = 0.5
    """Share of the images that are mixed."""


class Augmentation(Section):
    """Changes to training images. Random draws depend on seed, row and epoch alone, not on the order of the
    rows, the machine, or whether training was resumed."""

    crop: RandomCrop | None = None
    """Use random parts; omit for the view of evaluation."""

    flip: float = Field(default=0.0, ge=0.0, le=1.0)
    """Probability of mirroring left and right. Wrong for digits, text and many signs."""

    vertical_flip: float = Field(default=0.0, ge=0.0, le=1.0)
    """Probability of mirroring top and bottom."""

    colour: Colour | None = None
    """Change colours; omit for none."""

    rand_augment: RandAugment | None = None
    """Apply random operations; omit for none."""

    mix: Annotated[Mixup | CutMix, Field(discriminator="kind")] | None = None
    """Mix images and labels, which become soft; omit for none."""

    recorded_views: int = Field(default=0, ge=0, le=100)
    """Views of each training image for which the geometry (crop and flips) and the teacher's logits are
    recorded, so that a student can be trained on the same views (a patient and consistent teacher, Beyer
    et al. 2022, arXiv 2106.05237)."""
