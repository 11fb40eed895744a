"""Encodings and delimiters are found by looking."""

from pathlib import Path

import pytest

from teacherspec.errors import UserError
from teacherspec.init.text_format import delimiter_of, encoding_of

GERMAN = "Anfrage;Kategorie\nWo bleibt die Lieferung für Köln – schönen Gruß;Lieferung\n" * 20
FRENCH = "texte;classe\nOù est ma commande passée hier à l'école ? Ça dépend du délai;livraison\n" * 20
RUSSIAN = "текст;класс\nГде мой заказ, который я сделал на прошлой неделе;доставка\n" * 20


@pytest.mark.parametrize("text", [GERMAN, FRENCH, RUSSIAN])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_unicode_is_told_for_sure(text: str, encoding: str, tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    path.write_text(text, encoding=encoding)
    assert encoding_of(path)[0] == encoding.removesuffix("-sig")


@pytest.mark.parametrize(
    ("text", "encoding"), [(GERMAN, "cp1252"), (FRENCH, "latin-1"), (FRENCH, "cp1252"), (RUSSIAN, "cp1251")]
)
def test_other_encodings_are_read_as_the_same_text(text: str, encoding: str, tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    path.write_bytes(text.encode(encoding))
    found, _ = encoding_of(path)
    assert path.read_bytes().decode(found) == text


def test_one_byte_far_behind_the_beginning_decides(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    path.write_bytes(b"text,label\n" + b"a plain row,x\n" * 200_000 + "größe,y\n".encode("latin-1"))
    assert encoding_of(path)[0] == "cp1252"


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_the_delimiter_divides_every_record_alike(delimiter: str, tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    rows = [("text", "label"), ('"one, two; three\nfour"', "a"), ("five", "b")]
    path.write_text("".join(delimiter.join(row) + "\n" for row in rows), encoding="utf-8")
    assert delimiter_of(path, "utf-8")[0] == delimiter


def test_a_list_of_lines_is_no_table(tmp_path: Path) -> None:
    path = tmp_path / "rows.txt"
    path.write_text("text\nno delimiter\nin here\n")
    with pytest.raises(UserError, match=r"rows\.txt: is no table"):
        delimiter_of(path, "utf-8")
