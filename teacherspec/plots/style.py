"""One style for every plot, and one way to write it: the same numbers give the same bytes."""

import io
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from teacherspec.runtime.atomic_io import write_bytes

if TYPE_CHECKING:
    from matplotlib.figure import Figure

BEFORE = "#c2571a"
"""Colour of what was measured before calibration."""

AFTER = "#1f6fb2"
"""Colour of what was measured after calibration."""

RIGHT = "#1f6fb2"
"""Colour of what the model gets right."""

WRONG = "#c2571a"
"""Colour of what the model gets wrong."""

INK, MUTED, GRID, BAND = "#22272e", "#6b7280", "#e5e7eb", "#c9ced6"

DPI = 150

COLOURS = 128
"""Colours of a plot, shades of smoothed edges included."""

FONT = "DejaVu Sans"

LONGEST_NAME = 36
"""Characters of a name beyond which a plot cuts it."""

SETTINGS: dict[Any, Any] = {
    "axes.axisbelow": True,
    "axes.edgecolor": MUTED,
    "axes.grid": True,
    "axes.labelcolor": INK,
    "axes.labelsize": 9,
    "axes.linewidth": 0.8,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlelocation": "left",
    "axes.titlesize": 10,
    "axes.titleweight": "bold",
    "figure.facecolor": "white",
    "font.family": FONT,
    "font.size": 9,
    "grid.color": GRID,
    "grid.linewidth": 0.7,
    "legend.fontsize": 8,
    "legend.frameon": False,
    "text.color": INK,
    "text.parse_math": False,
    "xtick.color": MUTED,
    "xtick.labelcolor": INK,
    "xtick.labelsize": 8,
    "ytick.color": MUTED,
    "ytick.labelcolor": INK,
    "ytick.labelsize": 8,
}


def writable(name: str, longest: int = LONGEST_NAME) -> str:
    """A name from data as a plot can show it: one short line, `▯` for what the font has no glyph for.

    The font comes with matplotlib, so that the plot does not depend on the fonts of the machine.
    """
    line = " ".join(name.split())
    short = line if len(line) <= longest else line[: longest - 1] + "…"
    return "".join(character if ord(character) in _code_points() else "▯" for character in short)


@cache
def _code_points() -> frozenset[int]:
    """Code points that the font can draw."""
    from matplotlib.font_manager import findfont, get_font

    return frozenset(get_font(findfont(FONT)).get_charmap())


@contextmanager
def drawing() -> Iterator[None]:
    """Within it, matplotlib uses its defaults and `SETTINGS`, independent of the settings of the machine."""
    import matplotlib as mpl

    with mpl.rc_context():
        mpl.rcdefaults()
        mpl.rcParams.update(SETTINGS)
        yield


def save_png(figure: "Figure", path: Path) -> None:
    """Write the figure as PNG, atomically."""
    write_bytes(path, png(figure))


def png(figure: "Figure") -> bytes:
    """The figure as PNG, without the version of the library or a date inside.

    Plots are committed to git with every teacher: reduced to `COLOURS` colours they look the same in a third
    of the bytes.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from PIL import Image

    canvas: Any = FigureCanvasAgg(figure)
    canvas.draw()
    image = Image.fromarray(np.asarray(canvas.buffer_rgba())).convert("RGB")
    palette = image.quantize(COLOURS, method=Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE)
    reduced = io.BytesIO()
    palette.save(reduced, format="png", optimize=True, dpi=(DPI, DPI))
    return reduced.getvalue()
