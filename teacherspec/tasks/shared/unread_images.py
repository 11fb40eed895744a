"""Kinds of files that hold images but are not read, by their first bytes, and how to convert them."""

_MAGICK = "`magick FILE file.png` (ImageMagick)"
_BOXES = {b"avif": "AVIF", b"avis": "AVIF"} | dict.fromkeys(
    (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1"), "HEIC"
)
"""Brand of an ISO base media file (ISO/IEC 14496-12) → format of its image."""

_BEGINNINGS = {
    b"\x00\x00\x00\x0cjP  ": ("a JPEG 2000 image", _MAGICK),
    b"\xff\x4f\xff\x51": ("a JPEG 2000 image", _MAGICK),
    b"\x00\x00\x00\x0cJXL ": ("a JPEG XL image", _MAGICK),
    b"\xff\x0a": ("a JPEG XL image", _MAGICK),
    b"II\xbc": ("a JPEG XR image", _MAGICK),
    b"8BPS": ("a Photoshop document", _MAGICK),
    b"\x76\x2f\x31\x01": ("an OpenEXR image", "a program that maps its brightness to 8 or 16 bits"),
    b"#?RADIANCE": ("a Radiance image", "a program that maps its brightness to 8 or 16 bits"),
    b"\x00\x00\x01\x00": ("an icon of several sizes", _MAGICK),
    b"%PDF": ("a PDF document", "`pdftoppm -png FILE page` (Poppler)"),
    b"<svg": ("an SVG drawing", "`rsvg-convert FILE -o file.png` (librsvg)"),
    b"<?xml": ("an SVG drawing or another XML file", "`rsvg-convert FILE -o file.png` (librsvg)"),
    b"SIMPLE  =": ("a FITS image", "a program that maps its values to 8 or 16 bits"),
    b"\x93NUMPY": ("a NumPy array", "`PIL.Image.fromarray(array).save(...)`"),
    b"\x89HDF": ("an HDF5 file", "a program that writes its images one by one"),
    b"FORM": ("an IFF or DjVu image", _MAGICK),
    b"BPG\xfb": ("a BPG image", "`bpgdec -o file.png FILE`"),
    **{b"P%d" % number: ("a Netpbm image", _MAGICK) for number in range(1, 8)},
}
_DICOM_AT = 128
_DICOM = ("a DICOM image", "`dcm2img` of DCMTK or pydicom, with its window applied, or 16 bits kept")


def unread_image(content: bytes) -> str | None:
    """What an image of another format is, and how to convert it; None for what is no image known here.

    Args:
        content: of a file; its beginning suffices.
    """
    found = _kind(content)
    return None if found is None else f"is {found[0]}, which is not read; convert it to PNG with {found[1]}"


def _kind(content: bytes) -> tuple[str, str] | None:
    if content[_DICOM_AT : _DICOM_AT + 4] == b"DICM":
        return _DICOM
    if content[4:8] == b"ftyp":
        # The major brand, or one of the compatible ones: some cameras name a general brand first.
        brands = [content[at : at + 4] for at in (8, *range(16, 64, 4))]
        known = next((_BOXES[brand] for brand in brands if brand in _BOXES), None)
        return (f"a {known} image".replace("a AVIF", "an AVIF"), _MAGICK) if known else None
    begins = content.lstrip(b" \t\r\n\xef\xbb\xbf")
    return next((kind for magic, kind in _BEGINNINGS.items() if begins.startswith(magic)), None)
