"""A declaration for images with labels."""

from collections.abc import Mapping

from teacherspec.errors import UserError
from teacherspec.init import sizes
from teacherspec.init.columns import Found, given_column, label_column, named_column, shown
from teacherspec.init.guess import Guess
from teacherspec.init.sample import Sample

EPOCHS = sizes.Epochs(few=8, some=5, many=3)
EXTRAS: tuple[str, ...] = ()
BASE_FILES: Mapping[str, str] = {
    "bases/import_efficientnet_lite0.py": "efficientnet/import_pth.py",
    "bases/base.mk": "efficientnet/base.mk",
    "bases/.gitignore": "efficientnet/gitignore",
}
IMAGE_NAMES = ("image", "img", "photo", "picture")


def fits(sample: Sample) -> str:
    """Why these columns are for this kind of task; empty where they are not."""
    found = named_column(list(sample.columns), IMAGE_NAMES)
    return f"column {found[0]} holds images" if found else ""


def columns(sample: Sample, given: Mapping[str, str]) -> dict[str, Found]:
    """Column of the task → of the data. Raises `UserError` where one cannot be found."""
    image = given_column(given, "image", sample) or named_column(list(sample.columns), IMAGE_NAMES)
    if image is None:
        raise UserError(f"no column holds images (columns: {shown(sample)}); name it: --column image=…")
    return {"image": image, "label": given_column(given, "label", sample) or label_column(sample)}


def fitting(sample: Sample, names: Mapping[str, str]) -> list[Guess]:
    """What of the declaration follows from the rows, besides splits and epochs."""
    found = sizes.min_rows(sample.columns[names["label"]])
    return [found] if found else []


def description(sample: Sample, names: Mapping[str, str]) -> str:
    """What the teacher does, for the card."""
    return f"Gives an image one of {sizes.classes(sample.columns[names['label']])} labels."
