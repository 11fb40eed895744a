"""The declaration's bytes as text: bounded, a regular file, UTF-8 and nothing else."""

from pathlib import Path

from teacherspec.check.parsing.diagnostics import Position, Problem, refusal
from teacherspec.errors import DeclarationError

MOST_BYTES = 1 << 20
UTF8_MARK = b"\xef\xbb\xbf"
UTF16_MARKS = (b"\xff\xfe", b"\xfe\xff")


def decode(file: Path) -> str:
    """The text of `file`, without a byte order mark.

    Raises:
        DeclarationError: no such regular file, over 1 MiB, not UTF-8, or a NUL byte in it.
    """
    if not file.is_file():
        raise DeclarationError(f"{file}: {'not a regular file' if file.exists() else 'no such file'}")
    try:
        with file.open("rb") as stream:
            content = stream.read(MOST_BYTES + 1)
    except OSError as error:
        raise DeclarationError(f"{file}: cannot be read: {error.strerror}") from error
    if len(content) > MOST_BYTES:
        raise DeclarationError(f"{file}: larger than {MOST_BYTES} bytes: is this the right file?")
    if content.startswith(UTF16_MARKS):
        raise refusal(file, [Problem(Position(1, 1), (), "UTF-16 from byte 0 on: save the file as UTF-8")])
    if (zero := content.find(0)) >= 0:
        what = f"byte {zero} is NUL: save the file as UTF-8 text"
        raise refusal(file, [Problem(_position(content, zero), (), what)])
    try:
        return content.decode().removeprefix(UTF8_MARK.decode())
    except UnicodeDecodeError as error:
        what = f"byte {error.start} (0x{content[error.start]:02x}) is not UTF-8: save the file as UTF-8"
        raise refusal(file, [Problem(_position(content, error.start), (), what)]) from error


def _position(content: bytes, offset: int) -> Position:
    before = content[:offset].decode(errors="replace")
    return position_of(before, len(before))


def position_of(text: str, offset: int) -> Position:
    """Line and column of the character at `offset` of `text`."""
    return Position(text.count("\n", 0, offset) + 1, offset - text.rfind("\n", 0, offset))
