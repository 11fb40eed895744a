"""A declaration for texts with labels."""

from collections.abc import Mapping

from teacherspec.init import sizes
from teacherspec.init.columns import Found, given_column, label_column, text_column
from teacherspec.init.guess import Guess
from teacherspec.init.sample import Sample

EPOCHS = sizes.Epochs(few=6, some=4, many=2)
EXTRAS: tuple[str, ...] = ()
BASE_FILES: Mapping[str, str] = {}


def fits(_sample: Sample) -> str:
    """Why these columns are for this kind of task: what no other kind takes."""
    return "the columns hold texts and values that repeat"


def columns(sample: Sample, given: Mapping[str, str]) -> dict[str, Found]:
    """Column of the task → of the data. Raises `UserError` where one cannot be found."""
    label = given_column(given, "label", sample) or label_column(sample)
    return {"text": given_column(given, "text", sample) or text_column(sample, label[0]), "label": label}


def fitting(sample: Sample, names: Mapping[str, str]) -> list[Guess]:
    """What of the declaration follows from the rows, besides splits and epochs."""
    texts = [value for value in sample.columns[names["text"]] if isinstance(value, str)]
    found = [sizes.text_length(texts), sizes.language(texts), sizes.min_rows(sample.columns[names["label"]])]
    return [guess for guess in found if guess]


def description(sample: Sample, names: Mapping[str, str]) -> str:
    """What the teacher does, for the card."""
    return f"Gives a text one of {sizes.classes(sample.columns[names['label']])} labels."
