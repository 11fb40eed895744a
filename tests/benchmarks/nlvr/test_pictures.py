"""Pictures of NLVR in other colours, against the same picture drawn in these colours."""

import io
import tarfile
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw

from benchmarks.nlvr.pictures import BETWEEN, BOX, RGB, Pixels, recoloured, write_recoloured
from benchmarks.nlvr.scenes import COLOURS, RECOLOURINGS

FINE = 8


def drawn(colours: dict[str, str]) -> Pixels:
    """Soft-edged circles and squares in boxes with something between them."""
    image = Image.new("RGB", (250 * FINE, 100 * FINE), (BOX,) * 3)
    draw = ImageDraw.Draw(image)
    draw.rectangle([100 * FINE, 0, 150 * FINE - 1, 100 * FINE], fill=(BETWEEN,) * 3)
    for place, colour in enumerate(COLOURS):
        fill, left = RGB[colours[colour]], (8.3 + 30 * place) * FINE
        draw.ellipse([left, 20 * FINE, left + 20.4 * FINE, 40.4 * FINE], fill=fill)
        draw.rectangle([left + 151 * FINE, 60.4 * FINE, left + 171.2 * FINE, 80.1 * FINE], fill=fill)
    return np.asarray(image.resize((250, 100), Image.Resampling.BOX))


@pytest.mark.parametrize("number", range(len(RECOLOURINGS)))
def test_other_colours_are_drawn_as_by_hand(number: int) -> None:
    changed = recoloured(drawn(RECOLOURINGS[0]), number)
    assert changed.dtype == np.uint8
    difference = np.abs(changed.astype(int) - drawn(RECOLOURINGS[number]))
    assert difference.max() <= 2
    if number:
        assert np.abs(changed.astype(int) - drawn(RECOLOURINGS[0])).max() > 100


def test_an_archive_is_written_in_every_colour(tmp_path: Path) -> None:
    into = io.BytesIO()
    Image.fromarray(drawn(RECOLOURINGS[0])).save(into, "png")
    with tarfile.open(tmp_path / "in.tar.gz", "w:gz") as out:
        entry = tarfile.TarInfo("nlvr/dev/images/dev-7-0-1.png")
        entry.size = into.tell()
        into.seek(0)
        out.addfile(entry, into)
    for name in ("one.zip", "two.zip"):
        write_recoloured(tmp_path / "in.tar.gz", tmp_path / name)
    assert (tmp_path / "one.zip").read_bytes() == (tmp_path / "two.zip").read_bytes()
    with zipfile.ZipFile(tmp_path / "one.zip") as pictures:
        assert pictures.namelist() == [f"dev-7-0-1-{number}.png" for number in range(6)]
