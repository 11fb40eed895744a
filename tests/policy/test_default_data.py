"""The helpdesk data keep what their card promises: schema, sizes, no duplicates, no templates."""

import json
import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from scipy.sparse import csr_array, triu

FOLDER = Path(__file__).resolve().parents[2] / "data" / "helpdesk"
KEYS = {
    "messages.jsonl": ["id", "text", "label"],
    "out_of_scope.jsonl": ["id", "text"],
    "shifted.jsonl": ["id", "text", "label"],
}
PREFIXES = {"messages.jsonl": "hd", "out_of_scope.jsonl": "oos", "shifted.jsonl": "sh"}
SHINGLE_CHARACTERS = 5
NEAR_DUPLICATE_JACCARD = 0.8
PREFIX_WORDS = 6
MOST_MESSAGES_PER_PREFIX = 3

Row = dict[str, str]


def read_rows(name: str) -> list[Row]:
    return [json.loads(line) for line in (FOLDER / name).read_text(encoding="utf-8").splitlines()]


def collapse(text: str) -> str:
    return " ".join(text.lower().split())


def normalise(text: str) -> str:
    """Letters and digits only; a text without any (an emoji) stands for itself."""
    return re.sub(r"[\W_]+", " ", text.lower()).strip() or text.strip()


def shingles(text: str) -> set[str]:
    """Character 5-grams of the lowercased text with collapsed whitespace; a shorter text is its own."""
    text = collapse(text)
    starts = range(max(1, len(text) - SHINGLE_CHARACTERS + 1))
    return {text[start : start + SHINGLE_CHARACTERS] for start in starts}


def near_duplicates(texts: Sequence[str], threshold: float) -> list[tuple[int, int, float]]:
    """All pairs `(i, j, jaccard)` with `i < j` and Jaccard of shingles >= `threshold`, exactly.

    The product of the text-by-shingle incidence matrix with its transpose counts common shingles.
    """
    columns: dict[str, int] = {}
    indices: list[int] = []
    row_starts = [0]
    for text in texts:
        indices.extend(columns.setdefault(shingle, len(columns)) for shingle in sorted(shingles(text)))
        row_starts.append(len(indices))
    ones = np.ones(len(indices), dtype=np.int32)
    incidence = csr_array((ones, indices, row_starts), shape=(len(texts), len(columns)))
    sizes = np.diff(row_starts)
    common = triu(incidence @ incidence.T, k=1).tocoo()
    left, right = common.coords
    jaccard = common.data / (sizes[left] + sizes[right] - common.data)
    hits = np.flatnonzero(jaccard >= threshold)
    return [(int(left[hit]), int(right[hit]), float(jaccard[hit])) for hit in hits]


def crowded_prefixes(texts: Sequence[str]) -> list[str]:
    """First six words shared by more than three texts: the trace that a template leaves."""
    words = (normalise(text).split() for text in texts)
    counts = Counter(" ".join(w[:PREFIX_WORDS]) for w in words if len(w) >= PREFIX_WORDS)
    return [prefix for prefix, count in counts.items() if count > MOST_MESSAGES_PER_PREFIX]


ROWS = {name: read_rows(name) for name in KEYS}
TEXTS = [row["text"] for rows in ROWS.values() for row in rows]


@pytest.mark.parametrize("name", KEYS)
def test_rows_have_exactly_the_keys_in_order_and_clean_text(name: str) -> None:
    for row in ROWS[name]:
        assert list(row) == KEYS[name]
        assert all(isinstance(value, str) and value for value in row.values())
        assert row["text"] == row["text"].strip()
        assert re.fullmatch(rf"{PREFIXES[name]}-\d{{4}}", row["id"])
        assert re.fullmatch(r"[a-z]+(_[a-z]+)*", row.get("label", "none"))


@pytest.mark.parametrize("name", KEYS)
def test_files_are_canonical_jsonl(name: str) -> None:
    written = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in ROWS[name])
    assert (FOLDER / name).read_bytes() == written.encode("utf-8")


def test_ids_are_unique_over_all_files() -> None:
    ids = [row["id"] for rows in ROWS.values() for row in rows]
    assert len(ids) == len(set(ids))


def test_sizes_are_within_the_promised_ranges() -> None:
    labels = Counter(row["label"] for row in ROWS["messages.jsonl"])
    shifted = Counter(row["label"] for row in ROWS["shifted.jsonl"])
    assert labels.total() >= 4300
    assert len(labels) == 20
    assert all(190 <= count <= 270 for count in labels.values()), labels
    assert max(labels.values()) >= 1.3 * min(labels.values())
    assert len(ROWS["out_of_scope.jsonl"]) >= 290
    assert shifted.total() >= 460
    assert shifted.keys() == labels.keys()
    assert min(shifted.values()) >= 20


def test_classes_are_mixed() -> None:
    labels = [row["label"] for row in ROWS["messages.jsonl"]]
    half = len(labels) // 2
    first, second = Counter(labels[:half]), Counter(labels[half:])
    assert all(min(first[label], second[label]) >= 15 for label in set(labels))


def test_no_text_twice_after_normalisation() -> None:
    counts = Counter(normalise(text) for text in TEXTS)
    assert [text for text, count in counts.items() if count > 1] == []


def test_no_near_duplicates_over_all_files() -> None:
    pairs = near_duplicates(TEXTS, NEAR_DUPLICATE_JACCARD)
    assert [(TEXTS[i], TEXTS[j], jaccard) for i, j, jaccard in pairs] == []


def test_a_planted_near_duplicate_is_found() -> None:
    original = max(TEXTS, key=len)
    planted = original.replace(" ", "  ").upper() + "!"
    pairs = near_duplicates([*TEXTS, planted], NEAR_DUPLICATE_JACCARD)
    assert [(TEXTS[i], j) for i, j, _ in pairs] == [(original, len(TEXTS))]


def test_near_duplicates_agree_with_plain_sets() -> None:
    texts = [*TEXTS[:60], "password reset", "passwort reset", "ok", "OK "]
    sets = [shingles(text) for text in texts]
    expected = {
        (i, j): len(sets[i] & sets[j]) / len(sets[i] | sets[j])
        for j in range(len(texts))
        for i in range(j)
        if len(sets[i] & sets[j]) / len(sets[i] | sets[j]) >= 0.1
    }
    found = {(i, j): jaccard for i, j, jaccard in near_duplicates(texts, 0.1)}
    assert found == pytest.approx(expected)
    assert (62, 63) in found


def test_messages_do_not_start_like_a_template() -> None:
    assert crowded_prefixes(TEXTS) == []


def test_a_planted_template_is_found() -> None:
    programs = ["Visio", "Word", "Zoom", "Miro"]
    planted = [f"Please install the following program now: {program}" for program in programs]
    assert crowded_prefixes([*TEXTS, *planted[:MOST_MESSAGES_PER_PREFIX]]) == []
    assert crowded_prefixes([*TEXTS, *planted]) == ["please install the following program now"]


def test_card_counts_equal_the_data() -> None:
    card = (FOLDER / "README.md").read_text(encoding="utf-8")
    files = re.findall(r"^\| `([\w.]+\.jsonl)` \| ([\d ]+) \|", card, flags=re.MULTILINE)
    assert {name: int(count.replace(" ", "")) for name, count in files} == {
        name: len(rows) for name, rows in ROWS.items()
    }
    labels = re.findall(r"^\| `([a-z_]+)` \| (\d+) \| (\d+) \|", card, flags=re.MULTILINE)
    messages = Counter(row["label"] for row in ROWS["messages.jsonl"])
    shifted = Counter(row["label"] for row in ROWS["shifted.jsonl"])
    assert {label: (int(m), int(s)) for label, m, s in labels} == {
        label: (messages[label], shifted[label]) for label in messages
    }


def test_the_guideline_has_one_paragraph_for_each_label() -> None:
    guideline = (FOLDER / "LABELLING.md").read_text(encoding="utf-8")
    paragraphs = re.findall(r"^\*\*`([a-z_]+)`\*\* ", guideline, flags=re.MULTILINE)
    assert paragraphs == sorted({row["label"] for row in ROWS["messages.jsonl"]})


def test_examples_of_the_guideline_are_no_rows() -> None:
    guideline = (FOLDER / "LABELLING.md").read_text(encoding="utf-8")
    quoted = {normalise(example) for example in re.findall(r'"([^"]+)"', guideline)}
    assert len(quoted) > 60
    assert quoted & {normalise(text) for text in TEXTS} == set()
