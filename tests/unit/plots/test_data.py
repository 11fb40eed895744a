from pathlib import Path

import pytest

from teacherspec.plots.data import MOST_CLASSES, DataPicture, data_figure
from teacherspec.plots.style import drawing, save_png

LENGTHS = {"train": [3, 10, 40, 900], "test": [1, 2, 3, 4]}


@pytest.mark.parametrize("classes", [0, 1, 5, 200])
def test_the_same_numbers_give_the_same_picture(tmp_path: Path, classes: int) -> None:
    sizes = {f"class {number}": number + 1 for number in range(classes)}
    for name in ("one.png", "two.png"):
        with drawing():
            save_png(data_figure(DataPicture(sizes, LENGTHS)), tmp_path / name)
    one, two = ((tmp_path / name).read_bytes() for name in ("one.png", "two.png"))
    assert one == two
    assert one.startswith(b"\x89PNG")


def test_of_many_classes_the_smallest_are_drawn() -> None:
    sizes = {f"class {number}": 500 - number for number in range(200)}
    with drawing():
        labels = data_figure(DataPicture(sizes, LENGTHS)).axes[1].get_yticklabels()
    assert len(labels) == MOST_CLASSES
    assert labels[0].get_text() == "class 199"
