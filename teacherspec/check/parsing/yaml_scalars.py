"""Single values of the declaration: which are refused, what they mean, how errors show them."""

import json
import math
import re
from collections.abc import Iterable, Sequence
from difflib import get_close_matches
from typing import Any

SHOWN_CHARACTERS = 60
LONGEST_NUMBER = 40

# The part of YAML's numbers on which YAML 1.1, YAML 1.2, JSON and people agree.
WHOLE_NUMBER = re.compile(r"[-+]?(0|[1-9][0-9]*)")
DECIMAL_NUMBER = re.compile(r"[-+]?((0|[1-9][0-9]*)(\.[0-9]*)?|\.[0-9]+)([eE][-+]?[0-9]+)?")
CONTROL_CHARACTER = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]")

SECRETS = {
    "a Hugging Face token": re.compile(r"(?<![A-Za-z0-9_])hf_[A-Za-z0-9]{20,}"),
    "a GitHub token": re.compile(r"(?<![A-Za-z0-9_])gh[opsur]_[A-Za-z0-9]{20,}"),
    "a fine-grained GitHub token": re.compile(r"(?<![A-Za-z0-9_])github_pat_[A-Za-z0-9_]{20,}"),
    "a GitLab token": re.compile(r"(?<![A-Za-z0-9_])glpat-[A-Za-z0-9_-]{20,}"),
    "an AWS access key": re.compile(r"(?<![A-Za-z0-9_])A[KS]IA[A-Z0-9]{16}"),
    "an API key": re.compile(r"(?<![A-Za-z0-9_])sk-[A-Za-z0-9_-]{20,}"),
    "a private key": re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----"),
}


class ScalarError(ValueError):
    """A value that different readers would understand differently, or that no JSON can carry."""


def scalar_value(kind: str, text: str) -> str | int | float | bool | None:
    """The value of an untagged scalar that YAML 1.2 takes for a `kind`.

    Raises:
        ScalarError: the value is ambiguous, not finite, a date or unprintable; says what to write.
    """
    match kind:
        case "null":
            return None
        case "bool":
            return text.lower() == "true"
        case "int":
            return _whole_number(text)
        case "float":
            return _decimal_number(text)
        case "timestamp":
            raise ScalarError(f'a date is no value here (given {text}; did you mean the text "{text}"?)')
        case "merge" | "value":
            raise ScalarError(f'{text} has a special meaning in YAML (did you mean the text "{text}"?)')
    if control := CONTROL_CHARACTER.search(text):
        raise ScalarError(f"the text holds the control character U+{ord(control[0]):04X}")
    return text


def _whole_number(text: str) -> int:
    if len(text) > LONGEST_NUMBER:
        raise ScalarError(f"a number of {len(text)} characters (allowed at most {LONGEST_NUMBER})")
    if not WHOLE_NUMBER.fullmatch(text):
        plain = text.replace("_", "").lstrip("+-")
        advice = f"write {plain.lstrip('0') or 0}" if plain.isdigit() else "write it in decimal"
        raise ScalarError(
            f"an ambiguous number (given {text}, which YAML versions read differently; {advice}, "
            f'or "{text}" in quotes if text is meant)'
        )
    return int(text)


def _decimal_number(text: str) -> float:
    if text.lower().lstrip("+-") in (".inf", ".nan"):
        raise ScalarError(f"not a finite number (given {text})")
    if len(text) > LONGEST_NUMBER:
        raise ScalarError(f"a number of {len(text)} characters (allowed at most {LONGEST_NUMBER})")
    if not DECIMAL_NUMBER.fullmatch(text):
        raise ScalarError(
            f"an ambiguous number (given {text}, which YAML versions read differently; "
            f'write it without underscores and leading zeros, or "{text}" in quotes if text is meant)'
        )
    value = float(text)
    if math.isinf(value):
        raise ScalarError(f"not a finite number (given {text}, beyond the largest 64-bit float)")
    return value


def show(value: Any) -> str:
    """`value` as an error message shows it: what it is, shortened, and never a secret.

    >>> show("3"), show(3.0), show(None), show([1, 2])
    ('the text "3"', '3.0', 'nothing', 'a list')
    """
    match value:
        case None:
            return "nothing"
        case str():
            return f"the text {quoted(value)}"
        case dict():
            return "a mapping"
        case list():
            return "a list"
    return json.dumps(value)


def quoted(text: str) -> str:
    """`text` in quotes on one line, shortened and without secrets."""
    text = blotted(text)
    short = text if len(text) <= SHOWN_CHARACTERS else text[: SHOWN_CHARACTERS - 1] + "…"
    return json.dumps(short, ensure_ascii=False)


def blotted(text: str) -> str:
    """`text` with every secret in it made unreadable."""
    for secret in SECRETS.values():
        text = secret.sub("***", text)
    return text


def listed(names: Sequence[str], most: int = 16) -> str:
    """`a, b, c`, cut after `most` names."""
    rest = len(names) - most
    return ", ".join(names[:most]) + (f" and {rest} more" if rest > 0 else "")


def nearest(given: str, allowed: Iterable[str]) -> str | None:
    """The one of `allowed` that `given` was probably meant to be; case and `-` or `_` make no difference."""
    plain = {_plain(name): name for name in allowed}
    near = get_close_matches(_plain(given), plain, n=1, cutoff=0.6)
    return plain[near[0]] if near else None


def _plain(name: str) -> str:
    return name.lower().replace("-", "_").replace(" ", "_")


def did_you_mean(given: str, allowed: Iterable[str]) -> str:
    """`; did you mean x?`, or nothing when none of `allowed` is near."""
    near = nearest(given, allowed)
    return f"; did you mean {near}?" if near else ""
