"""Files that operating systems, editors, git and DVC leave among data are no rows and change no data."""

import io
import zipfile
from pathlib import Path

import pytest

from teacherspec.prepare.sources.path_checks import NO_DATA
from tests.toys.pictures import encoded, scene
from tests.unit.prepare.toy_data import Workshop, image_fields, jsonl, messages

ROOT = Path(__file__).parents[3]
LEFT = ("data/.DS_Store", "data/texts/.DS_Store", "data/texts/Thumbs.db", "data/texts/ant/._1.txt",
        "data/texts/ant/1.txt~", "data/texts/ant/.1.txt.swp", "data/texts/.ipynb_checkpoints/1.txt",
        "data/texts/.gitignore", "data/texts/ant/desktop.ini")  # fmt: skip
ARCHIVED = ("__MACOSX/ant/._0.png", "ant/.DS_Store", ".DS_Store", "bee/Thumbs.db")


def test_they_are_left_out_of_folders_of_classes(workshop: Workshop) -> None:
    for at, row in enumerate(messages(60)):
        workshop.write(f"data/texts/{row['label']}/{at}.txt", row["text"])
    for path in LEFT:
        workshop.write(path, b"\0\0binary")
    workshop.prepare([{"kind": "text_folder", "path": "data/texts"}])
    assert workshop.metrics()["rows"]["read"] == 60


def test_they_are_left_out_of_wildcards(workshop: Workshop) -> None:
    workshop.write("data/rows.jsonl", jsonl(messages(60)))
    for name in (".gitignore", "rows.jsonl.dvc", ".DS_Store", "rows.jsonl~"):
        workshop.write(f"data/{name}", b"\0\0binary")
    workshop.prepare([{"kind": "jsonl", "path": "data/*"}])
    assert workshop.metrics()["rows"]["read"] == 60


@pytest.mark.parametrize("path", ["data/*", "data/*.jsonl*"])
def test_data_whose_pointer_alone_is_here_is_not_left_out(path: str, workshop: Workshop) -> None:
    workshop.write("data/rows.jsonl", jsonl(messages(60)))
    workshop.write("data/more.jsonl.dvc", "outs:\n- md5: 0123\n  path: more.jsonl\n")
    assert workshop.refusal([{"kind": "jsonl", "path": path}]) == (
        "data/more.jsonl: not found, but DVC tracks it; run `dvc pull`",
    )


def test_they_are_left_out_of_archives(workshop: Workshop) -> None:
    workshop.fields = image_fields()
    sink = io.BytesIO()
    with zipfile.ZipFile(sink, "w") as packed:
        for at in range(60):
            packed.writestr(f"{('ant', 'bee')[at % 2]}/{at}.png", encoded(scene(at, 16, 16)))
        for name in ARCHIVED:
            packed.writestr(name, b"\0\0binary")
    workshop.write("data/photos.zip", sink.getvalue())
    workshop.prepare([{"kind": "image_archive", "path": "data/photos.zip"}], near_duplicates=None)
    assert workshop.metrics()["rows"]["read"] == 60
    assert workshop.prepare([{"kind": "image_archive", "path": "data/photos.zip"}]).label_names == (
        "ant",
        "bee",
    )


def test_dvc_ignores_what_is_on_one_machine_only() -> None:
    ignored = {line.rstrip("/") for line in (ROOT / ".dvcignore").read_text().splitlines()}
    in_git = {".gitignore", ".gitkeep", ".gitattributes", "*.dvc"}
    assert set(NO_DATA) - in_git <= ignored
    assert in_git.isdisjoint(ignored), "DVC finds its own pointers by their names"
