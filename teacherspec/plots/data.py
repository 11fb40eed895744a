"""Rows of each class, sizes of the rows of each split, and examples of images."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from teacherspec.plots.style import AFTER, BEFORE, DPI, MUTED, writable

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from PIL.Image import Image

MOST_CLASSES = 40
"""Classes drawn; of more, the smallest."""

LENGTHS_INCHES = 2.6
"""Height of the panel of lengths."""

PICTURE_INCHES = 0.62
"""Height of a line of pictures."""

PIXELS_SHOWN = 32
"""Side below which pictures are enlarged without smoothing."""

COLOURS = (AFTER, "#3b8a5a", "#8b5fb0", BEFORE, "#b08900", MUTED)
"""Colours of the splits, in turn."""


@dataclass(frozen=True)
class DataPicture:
    """What is drawn of prepared data.

    Attributes:
        classes: label → rows in train; empty for tasks without classes.
        sizes: split → sizes of rows at equally spaced quantiles, from the least to the greatest.
        unit: what sizes count.
        pictures: label → thumbnails of some of its rows in train; empty where rows have no images.
    """

    classes: Mapping[str, int]
    sizes: Mapping[str, Sequence[int]]
    unit: str = "characters"
    pictures: "Mapping[str, Sequence[Image]]" = field(default_factory=dict)


def data_figure(picture: DataPicture) -> "Figure":
    """Sizes of rows, some of the rows, and how many each class has; call it inside `drawing()`."""
    from matplotlib.figure import Figure

    drawn = sorted(picture.classes.items(), key=lambda found: (found[1], found[0]))[:MOST_CLASSES]
    panels: list[tuple[float, Callable[[Axes], None]]] = [
        (LENGTHS_INCHES, lambda axes: _draw_sizes(axes, picture.sizes, picture.unit))
    ]
    if picture.pictures:
        height = 0.4 + PICTURE_INCHES * len(picture.pictures)
        panels.append((height, lambda axes: _draw_pictures(axes, picture.pictures)))
    if drawn:
        panels.append(
            (0.9 + 0.17 * len(drawn), lambda axes: _draw_classes(axes, drawn, len(picture.classes)))
        )
    heights = [height for height, _ in panels]
    figure = Figure(figsize=(7.2, sum(heights)), dpi=DPI, layout="constrained")
    all_axes = figure.subplots(len(heights), 1, height_ratios=heights, squeeze=False)[:, 0]
    for axes, (_, draw) in zip(all_axes, panels, strict=True):
        draw(axes)
    return figure


def _draw_pictures(axes: "Axes", pictures: "Mapping[str, Sequence[Image]]") -> None:
    """A contact sheet: a line a class."""
    import numpy as np

    side = max((max(image.size) for some in pictures.values() for image in some), default=1)
    columns = max(len(some) for some in pictures.values())
    sheet = np.full((len(pictures) * side, max(1, columns) * side, 3), 255, np.uint8)
    for line, some in enumerate(pictures.values()):
        for column, image in enumerate(some):
            top, left = line * side + (side - image.height) // 2, column * side + (side - image.width) // 2
            sheet[top : top + image.height, left : left + image.width] = np.asarray(image)
    axes.imshow(sheet, interpolation="nearest" if side < PIXELS_SHOWN else "antialiased")
    axes.set_yticks(
        [(line + 0.5) * side for line in range(len(pictures))], [writable(label) for label in pictures]
    )
    axes.set_xticks([])
    axes.set(title="Some rows of each class in train")
    axes.grid(visible=False)
    axes.spines[:].set_visible(False)
    axes.tick_params(axis="y", length=0)


def _draw_classes(axes: "Axes", drawn: Sequence[tuple[str, int]], total: int) -> None:
    axes.barh(range(len(drawn)), [rows for _, rows in drawn], color=COLOURS[0], height=0.7)
    axes.set_yticks(range(len(drawn)), [writable(label) for label, _ in drawn])
    some = f", the smallest {len(drawn)} of {total}" if len(drawn) < total else ""
    axes.set(title=f"Rows of each class in train{some}", ylim=(len(drawn) - 0.4, -0.6))
    axes.grid(axis="y", visible=False)
    axes.tick_params(axis="y", length=0)


def _draw_sizes(axes: "Axes", sizes: Mapping[str, Sequence[int]], unit: str) -> None:
    from matplotlib.ticker import LogLocator, NullFormatter

    for number, (split, quantiles) in enumerate(sizes.items()):
        shares = [at / max(1, len(quantiles) - 1) for at in range(len(quantiles))]
        axes.plot(quantiles, shares, color=COLOURS[number % len(COLOURS)], linewidth=1.3, label=split)
    axes.set(
        title="Size of the rows of each split",
        xlabel=unit,
        ylabel="share of rows up to this size",
        ylim=(0, 1),
    )
    axes.set_xscale("log")
    axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.xaxis.set_major_formatter("{x:g}")
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.legend(loc="lower right")
