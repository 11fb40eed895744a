"""Broken images and archives of them, one case each."""

import io
import struct
import tarfile
import zipfile
from collections.abc import Mapping
from typing import Any

import pyarrow as pa
from PIL import Image

from tests.toys.pictures import animated, bomb, encoded, scene
from tests.unit.prepare.bad_columns import parquet_bytes
from tests.unit.prepare.bad_inputs import Case, Sources
from tests.unit.prepare.toy_data import Workshop, image_fields

IMAGES: list[Case] = []
FOLDER: Sources = [{"kind": "image_folder", "path": "data/photos"}]
GOOD = {f"{('ant', 'bee', 'cat')[i % 3]}/{i:02d}.png": encoded(scene(i, 16, 16)) for i in range(60)}


def image(title: str, message: str, content: bytes, name: str = "ant/x.png") -> None:
    """A case of one more file in a folder of good images."""

    def build(workshop: Workshop) -> Sources:
        for path, good in {**GOOD, name: content}.items():
            workshop.write(f"data/photos/{path}", good)
        return FOLDER

    IMAGES.append(Case(title, message, build, image_fields()))


def archive(title: str, message: str, content: bytes, name: str = "photos.tar", **source: Any) -> None:
    """A case of one archive."""

    def build(workshop: Workshop) -> Sources:
        workshop.write(f"data/{name}", content)
        return [{"kind": "image_archive", "path": f"data/{name}", **source}]

    IMAGES.append(Case(title, message, build, image_fields()))


def tar(files: Mapping[str, bytes], *entries: tarfile.TarInfo, mode: str = "w") -> bytes:
    sink = io.BytesIO()
    with tarfile.open(fileobj=sink, mode=mode) as packed:
        for name, content in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            packed.addfile(entry, io.BytesIO(content))
        for entry in entries:
            packed.addfile(entry)
    return sink.getvalue()


def zipped(files: Mapping[str | zipfile.ZipInfo, bytes], compression: int = zipfile.ZIP_STORED) -> bytes:
    sink = io.BytesIO()
    with zipfile.ZipFile(sink, "w", compression) as packed:
        for name, content in files.items():
            packed.writestr(name, content, compress_type=compression)
    return sink.getvalue()


def sized(name: str, size: int) -> tarfile.TarInfo:
    """An entry without content whose extended header claims a size."""
    entry = tarfile.TarInfo(name)
    entry.pax_headers = {"size": str(size)}
    return entry


def long_name(size: int) -> bytes:
    """A header that gives the next entry a long name, of which five characters follow."""
    entry = tarfile.TarInfo("././@LongLink")
    entry.type, entry.size = tarfile.GNUTYPE_LONGNAME, size
    return entry.tobuf(tarfile.GNU_FORMAT) + b"name\0".ljust(512, b"\0")


def flipped(content: bytes, at: int) -> bytes:
    """The content with another byte at a place."""
    return content[:at] + bytes([content[at] ^ 0x55]) + content[at + 1 :]


def link(name: str, kind: bytes, to: str) -> tarfile.TarInfo:
    entry = tarfile.TarInfo(name)
    entry.type, entry.linkname = kind, to
    return entry


PNG = encoded(scene(99))
TIFF_FLOAT = encoded(Image.new("F", (4, 4)), "TIFF")

# --- Images ---------------------------------------------------------------------------------------
image("a PNG that was cut", "data/photos/ant/x.png: image: is cut short: the PNG does not end", PNG[:-20])
image(
    "a JPEG that was cut",
    "data/photos/ant/x.jpg: image: is cut short",
    encoded(scene(99), "JPEG")[:-2],
    "ant/x.jpg",
)
image(
    "a PNG with a wrong checksum",
    "image: is broken: the checksum",
    PNG[:60] + bytes([PNG[60] ^ 1]) + PNG[61:],
)
image("a BMP that was cut", "image: is broken or cut short", encoded(scene(99), "BMP")[:-2000])
image("60,000 × 60,000 pixels in a hundred bytes", "image: is far too large", bomb(60_000, 60_000))
image("more pixels than allowed", "image: has 9000×9000 pixels (allowed: 67108864", bomb(9_000, 9_000))
image("an image of 0 bytes", "data/photos/ant/x.png: is empty", b"")
image("an image 0 pixels wide", "image: is broken", bomb(0, 5))
image("a text called .png", "image: is no image (it begins with", b"not an image")
image("an animated GIF", "image: holds 3 frames", animated("GIF"))
image("an animated WebP", "image: holds 3 frames", animated("WEBP"))
image("an animated PNG", "image: is an animated PNG", animated("PNG"))
image("a TIFF of several pages", "image: holds 3 frames", animated("TIFF"))
image("fractions as pixels", "image: has pixels of kind 'F'", TIFF_FLOAT)
image(
    "a Git LFS pointer in place of an image",
    "is a Git LFS pointer",
    b"version https://git-lfs.github.com/spec/v1\n",
)
image(
    "a hidden file among images",
    "data/photos/ant/.hidden: image: is no image",
    b"\0\0\0\1Bud1",
    "ant/.hidden",
)
image("a file next to the folders of images", "data/photos/x.png: is not a folder of a class", PNG, "x.png")
image("a folder inside a folder of images", "data/photos/ant/more: is a folder", PNG, "ant/more/x.png")


@(
    lambda build: IMAGES.append(
        Case(
            "an image that links out of the repository",
            "is outside the repository, itself or by a link",
            build,
            image_fields(),
        )
    )
)
def _(workshop: Workshop) -> Sources:
    for path, good in GOOD.items():
        workshop.write(f"data/photos/{path}", good)
    outside = workshop.root.parent / "outside.png"
    outside.write_bytes(PNG)
    (workshop.root / "data/photos/ant/x.png").symlink_to(outside)
    return FOLDER


# --- Archives -------------------------------------------------------------------------------------
archive(
    "a tar that was cut", "data/photos.tar: is not a tar or zip archive, or is truncated", tar(GOOD)[:20_000]
)
archive("a tar cut between two files", "it has no end-of-archive block", tar(GOOD)[: 1536 * 4 - 512])
archive(
    "a packed tar that was cut",
    "data/photos.tar.gz: the compressed data is damaged or truncated",
    tar(GOOD, mode="w:gz")[:5_000],
    "photos.tar.gz",
)
archive("a text called .tar", "data/photos.tar: is not a tar or zip archive", b"hello" * 200)
archive(
    "a path out of a tar",
    "contains '../x/y.png', which leads out of the archive",
    tar({**GOOD, "../x/y.png": PNG}),
)
archive(
    "an absolute path in a tar", "contains '/ant/y.png', which leads out", tar({**GOOD, "/ant/y.png": PNG})
)
archive(
    "a symbolic link in a tar",
    "data/photos.tar/ant/y.png: is a link or device",
    tar(GOOD, link("ant/y.png", tarfile.SYMTYPE, "/etc/passwd")),
)
archive(
    "a hard link in a tar",
    "data/photos.tar/ant/y.png: is a link or device",
    tar(GOOD, link("ant/y.png", tarfile.LNKTYPE, "ant/00.png")),
)
archive(
    "a device in a tar",
    "data/photos.tar/ant/y.png: is a link or device",
    tar(GOOD, link("ant/y.png", tarfile.CHRTYPE, "")),
)
archive(
    "a tar that claims a file of a hundred terabytes",
    "data/photos.tar: unpacks to over 100 times its size ('ant/y.png' claims 100000000000000 bytes)",
    tar(GOOD, sized("ant/y.png", 10**14)),
)
archive(
    "a tar whose last file is longer than the archive",
    "data/photos.tar: is not a tar or zip archive, or is truncated",
    tar(GOOD, sized("ant/y.png", 60_000_000)),
)
archive("a tar with a file of negative size", "claims to have -5 bytes", tar(GOOD, sized("ant/y.png", -5)))
archive("a tar of headers within headers", "maximum recursion depth", long_name(5) * 3000 + tar(GOOD))
archive("a tar with a name of a gigabyte", "a header of 1073741824 bytes", long_name(1 << 30) + tar(GOOD))
archive("a tar damaged between two files", "no valid header at byte 1536", flipped(tar(GOOD), 1536 + 150))
archive(
    "a file twice in an archive",
    "data/photos.tar/ant/00.png: is in the archive twice",
    tar({**GOOD, "./ant/00.png": PNG}),
    "photos.tar",
)
archive(
    "a file at the wrong depth",
    "data/photos.tar/ant/more/y.png: is not `<label>/<file>`",
    tar({**GOOD, "ant/more/y.png": PNG}),
)
archive(
    "a hidden file in an archive",
    "data/photos.zip/.hidden/00.png: is not `<label>/<file>`",
    zipped({**GOOD, ".hidden/00.png": PNG}),
    "photos.zip",
)
archive(
    "a file larger than allowed in an archive",
    "ant/big.png: has 2048 bytes (allowed: 1024",
    tar({**GOOD, "ant/big.png": bytes(2048)}),
    max_file_bytes=1024,
)
archive(
    "a folder that an archive does not have",
    "no files in the folder `train` of the archive (found: ant, bee, cat)",
    tar(GOOD),
    folder="train",
)
archive("an empty archive", "data/photos.tar: no files in the folder", tar({}))
archive(
    "a path out of a zip",
    "contains '../x/y.png', which leads out of the archive",
    zipped({**GOOD, "../x/y.png": PNG}),
    "photos.zip",
)
archive(
    "a zip bomb",
    "data/photos.zip: unpacks to over 100 times its size",
    zipped({"ant/x.png": bytes(80 << 20)}, zipfile.ZIP_DEFLATED),
    "photos.zip",
)
archive(
    "a tar bomb",
    "data/photos.tar.gz: unpacks to over 100 times its size",
    tar({"ant/x.png": bytes(80 << 20)}, mode="w:gz"),
    "photos.tar.gz",
    max_file_bytes=1 << 30,
)
archive(
    "a zip that was cut",
    "data/photos.zip: is a damaged or truncated zip archive",
    zipped(GOOD)[:-50],
    "photos.zip",
)


def flipped() -> bytes:
    content = bytearray(zipped(GOOD))
    content[100] ^= 1
    return bytes(content)


def encrypted() -> bytes:
    content = bytearray(zipped(GOOD))
    directory = content.index(b"PK\x01\x02")
    content[directory + 8 : directory + 10] = struct.pack("<H", 1)
    return bytes(content)


def link_in_zip() -> bytes:
    entry = zipfile.ZipInfo("ant/y.png")
    entry.external_attr = 0o120777 << 16
    return zipped({**GOOD, entry: b"/etc/passwd"})


archive(
    "a zip with a flipped bit",
    "data/photos.zip/ant/00.png: cannot be unpacked: Bad CRC-32",
    flipped(),
    "photos.zip",
)
archive("an encrypted zip", "data/photos.zip/ant/00.png: is encrypted", encrypted(), "photos.zip")
archive("a link in a zip", "data/photos.zip/ant/y.png: is a link or device", link_in_zip(), "photos.zip")


# --- Tables ---------------------------------------------------------------------------------------
def table(title: str, message: str, named: str, /, **files: Any) -> None:
    """A case of a CSV file whose first row names this image."""

    def build(workshop: Workshop) -> Sources:
        names = [named, *GOOD]
        lines = [f"{path},{('ant', 'bee', 'cat')[at % 3]}\n" for at, path in enumerate(names)]
        workshop.write("data/rows.csv", "file,label\n" + "".join(lines))
        for path, good in GOOD.items():
            workshop.write(f"data/photos/{path}", good)
        workshop.write("data/photos/ant/big.png", encoded(scene(98, 200, 200)))
        for folder in ("ant", "bee"):
            workshop.write(f"data/photos/{folder}/same.png", encoded(scene(97)))
        twice = tarfile.TarInfo("ant/twice.png")
        workshop.write("data/photos.tar", tar({**GOOD, twice.name: b"x"}, twice))
        return [
            {
                "kind": "csv",
                "path": "data/rows.csv",
                "files": {"image": {"column": "file", "folder": "data/photos", **files}},
            }
        ]

    IMAGES.append(Case(title, message, build, image_fields()))


table(
    "a named image that is not there", "data/rows.csv:2: file: data/photos/ant/no.png not found", "ant/no.png"
)
table(
    "a name that leads out of the folder",
    "data/rows.csv:2: file: must stay inside the repository",
    "../secret.png",
)
table("an absolute name", "data/rows.csv:2: file: must be relative", "/etc/passwd")
table("an empty name", "data/rows.csv:2: file: must be the name of a file (given '')", "")
table(
    "a named image larger than allowed",
    "data/photos/ant/big.png is larger than 1024 bytes",
    "ant/big.png",
    max_file_bytes=1024,
)
table("a column of names that is not there", "column 'image' not found", "ant/00.png", column="photo")
IN_ARCHIVE = {"folder": None, "archive": "data/photos.tar"}
table(
    "a named image that an archive does not hold",
    "data/rows.csv:2: file: data/photos.tar has no file 'ant/no.png'",
    "ant/no.png",
    **IN_ARCHIVE,
)
table(
    "a named image that an archive holds twice",
    "data/photos.tar has 2 files 'ant/twice.png' (ant/twice.png, ant/twice.png); name one of them",
    "ant/twice.png",
    **IN_ARCHIVE,
)
table(
    "an own name that two folders have",
    "data/photos has 2 files 'same.png' (data/photos/ant/same.png, data/photos/bee/same.png); name one",
    "same.png",
    anywhere=True,
)
table(
    "a name made of a column without one",
    "data/rows.csv:1: column 'image' not found",
    "ant/00.png",
    column=None,
    name="{photo}.png",
)


@(
    lambda build: IMAGES.append(
        Case(
            "names of images where bytes are needed",
            "data/rows.parquet: row 1: image: must be the bytes of an image",
            build,
            image_fields(),
        )
    )
)
def _(workshop: Workshop) -> Sources:
    rows = pa.table({"image": list(GOOD), "label": [name[:3] for name in GOOD]})
    workshop.write("data/rows.parquet", parquet_bytes(rows))
    return [{"kind": "parquet", "path": "data/rows.parquet"}]
