"""The declaration is read as DVC reads it: the same values, or a refusal."""

from pathlib import Path

import pytest
from dvc.utils.serialize import parse_yaml
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from teacherspec.check.parsing.parse import read_document
from teacherspec.errors import DeclarationError

# Spellings on which YAML versions and people disagree, and plain ones.
SPELLINGS = """
1e-5 2e-4 1.0e+3 .5 5. -0 +1 0 00 010 0o10 0x1F 0b11 1_000 1_0.5 12:30:45 1:2.5 1e5 1E5 1e+5 0.1e-3 3.0 -3 +.5
_ 1_ -_ 0o 0x 0b .nan .NaN .inf -.INF 1e999 no yes on off y n true True TRUE false null Null ~ NULL
2024-01-31 2001-12-14t21:59:43.10-05:00 = << - -- ... 'a' "b" "1" '010' abc a-b a:b é 日本 [] {} [1,2] {a:1}
|- >- @ ` % & * ! # , [ ] { } ? : &a *a !!str !t
"""

scalars = st.one_of(
    st.sampled_from(SPELLINGS.split()),
    st.text(st.characters(codec="utf-8", exclude_characters="\r\x85\u2028\u2029"), max_size=12),
    st.from_regex(r"[-+]?[0-9_]{0,4}\.?[0-9_]{0,4}([eE][-+]?[0-9]{0,3})?", fullmatch=True),
)


def types(value: object) -> object:
    """The value with the type of every scalar, so that 1, 1.0 and true differ."""
    if isinstance(value, dict):
        return {key: types(item) for key, item in value.items()}
    if isinstance(value, list):
        return [types(item) for item in value]
    return type(value), value


@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(scalars, min_size=1, max_size=4))
@example(["1e-5", "no", "on", "12:30:45"])
def test_what_is_accepted_is_what_dvc_reads(tmp_path: Path, spellings: list[str]) -> None:
    text = "".join(f"key{n}: {spelling}\n" for n, spelling in enumerate(spellings))
    file = tmp_path / "params.yaml"
    file.write_bytes(text.encode())
    try:
        document = read_document(file)
    except DeclarationError:
        return
    if not document.problems:
        assert types(document.values) == types(parse_yaml(text, file))


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.one_of(
        st.binary(max_size=60), st.text("a:-[]{}?!&*|>'\"#%@` \n\t0x1,<\\u", max_size=40).map(str.encode)
    )
)
@example(b'a: "\\ud800"')
@example(b'a: "\\U00110000"')
@example(b"? [a]: b")
@example(b"!")
@example(b"a: -_")
def test_no_bytes_at_all_crash_the_reader(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "params.yaml"
    file.write_bytes(content)
    lines: tuple[str, ...] = ()
    try:
        assert isinstance(read_document(file).values, dict)
    except DeclarationError as error:
        lines = error.problems
    assert all(line.startswith(f"{file}:") and "\n" not in line for line in lines)


@pytest.mark.parametrize(
    ("spelling", "value"),
    [
        ("1e-5", 1e-5),
        ("2e-4", 2e-4),
        ("no", "no"),
        ("on", "on"),
        ("12:30:45", "12:30:45"),
        ("True", True),
        ("~", None),
    ],
)
def test_yaml_1_2_where_it_differs_from_1_1(tmp_path: Path, spelling: str, value: object) -> None:
    file = tmp_path / "params.yaml"
    file.write_text(f"a: {spelling}\n")
    assert types(read_document(file).values) == types({"a": value})


def test_places_of_keys_and_values(tmp_path: Path) -> None:
    file = tmp_path / "params.yaml"
    file.write_text("# comment\na:\n  b: [x, {c: é, d: 2}]\ne: 1\n")
    document = read_document(file)
    assert document.keys["a", "b"] == (3, 3)
    assert document.places["a", "b", 0] == (3, 7)
    assert document.places["a", "b", 1, "d"] == (3, 20)
    assert document.value_position(("a", "b", 1, "z")) == document.keys["a", "b", 1] == (3, 10)
    assert document.keys["e",] == (4, 1)
