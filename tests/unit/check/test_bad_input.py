"""Every kind of wrong declaration is refused with its place, what is wrong and what to do, in plain lines."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from click.testing import CliRunner

from teacherspec.cli.main import main
from tests.unit.check.example import RIGHT, changed, check, problems

# Put together here, so that scanners for secrets find none in this file.
HUGGING_FACE = "hf" + "_" + "aB3" * 10
GITHUB = "ghp" + "_" + "aB3" * 12
AWS = "AKIA" + "ABCD1234" * 2

ONE_PROBLEM = {
    "unknown key": (
        changed(("learning_rate:", "learning_rat:")),
        "20:3: finetune.learning_rat: unknown key (allowed ",
        "; did you mean learning_rate?)",
    ),
    "unknown section": (
        changed(("evaluate:", "evalute:")),
        "21:1: evalute: unknown key",
        "did you mean evaluate?",
    ),
    "missing key": (
        changed(("  epochs: 3\n", "")),
        "17:1: finetune.epochs: missing key (Passes over the train split",
    ),
    "missing section": (
        changed(("evaluate:\n  batch_size: 64\n", "")),
        "1:1: evaluate: missing key (How the fine-tuned",
    ),
    "section without values": (
        changed(("evaluate:\n  batch_size: 64\n", "evaluate:\n")),
        "21:1: evaluate: wrong type (given nothing; allowed a mapping, with the keys batch_size",
    ),
    "ambiguous whole number": (
        changed(("epochs: 3", "epochs: 010")),
        "18:11: finetune.epochs: an ambiguous number (given 010, which YAML versions read differently",
        "; write 10, or ",
    ),
    "ambiguous underscore": (
        changed(("epochs: 3", "epochs: 1_0")),
        "18:11: finetune.epochs: an ambiguous number",
    ),
    "hexadecimal": (changed(("epochs: 3", "epochs: 0x1F")), "18:11: finetune.epochs: an ambiguous number"),
    "time is text": (
        changed(("epochs: 3", "epochs: 12:30:45")),
        '18:11: finetune.epochs: wrong type (given the text "12:30:45"; allowed a whole number',
    ),
    "yes is text": (
        changed(("epochs: 3", "epochs: yes")),
        '18:11: finetune.epochs: wrong type (given the text "yes"; allowed a whole number',
    ),
    "date": (
        changed(("apache-2.0", "2024-01-31")),
        "16:12: base.license: a date is no value here (given 2024-01-31",
    ),
    "duplicate key": (
        changed(("  batch_size: 32\n", "  batch_size: 32\n  epochs: 4\n")),
        "20:3: finetune.epochs: duplicate key (first given on line 18)",
    ),
    "anchor": (
        changed(("max_length: 64", "max_length: &n 64")),
        "3:15: task.max_length: an anchor (given &n)",
    ),
    "tag": (
        changed(("max_length: 64", "max_length: !!int 64")),
        '3:15: task.max_length: a tag (given "tag:yaml.org',
    ),
    "key that is a number": (
        changed(("learning_rate: 2e-4", "learning_rate: 2e-4\n  3: x")),
        '21:3: finetune."3": a key must be a text (given 3; did you mean "3"?)',
    ),
    "key that is a list": (
        changed(("learning_rate: 2e-4", "learning_rate: 2e-4\n  ? [a]\n  : x")),
        "21:5: finetune: a key must be a text",
    ),
    "two documents": (RIGHT + "---\ntask: 1\n", "33:1: a second document starts here"),
    "YAML directive": ("%YAML 1.1\n---\n" + RIGHT, "1:1: a YAML directive changes how values are read"),
    "tab": (changed(("  epochs: 3", "\tepochs: 3")), "18:1: a tab in the indentation: use spaces"),
    "a merge half done": (
        changed(("task:", "<<<<<<< HEAD\ntask:")),
        "1:1: an unresolved conflict starts here",
    ),
    "unclosed list": (changed(("kind: hub", "kind: [hub")), "14:7: this is not YAML (expected ',' or ']'"),
    "colon in a value": (
        changed(("license: apache-2.0", "license: apache: 2")),
        "16:18: this is not YAML (mapping values are not allowed here): a value that holds `: ` needs quotes",
    ),
    "percent sign": (
        changed(("license: apache-2.0", "license: %x")),
        "16:12: this is not YAML",
        "needs quotes",
    ),
    "nothing": ("", "1:1: expected a mapping of sections (given an empty file)"),
    "only a comment": ("# later\n", "1:1: expected a mapping of sections (given an empty file)"),
    "only a mark": ("---\n", "expected a mapping of sections (given an empty file)"),
    "list": ("- task\n", "1:1: expected a mapping of sections (given a list)"),
    "one text": ("task\n", "1:1: expected a mapping of sections (given one value)"),
    "NaN": (changed(("2e-4", ".nan")), "20:18: finetune.learning_rate: not a finite number (given .nan)"),
    "infinity": (
        changed(("2e-4", "-.inf")),
        "20:18: finetune.learning_rate: not a finite number (given -.inf)",
    ),
    "infinite by size": (
        changed(("2e-4", "1e999")),
        "20:18: finetune.learning_rate: not a finite number (given 1e999",
    ),
    "number without end": (
        changed(("2e-4", "2" * 5000)),
        "20:18: finetune.learning_rate: a number of 5000 characters",
    ),
    "true for a number": (
        changed(("epochs: 3", "epochs: true")),
        "18:11: finetune.epochs: wrong type (given true; allowed a whole number, 1 to 1000",
    ),
    "text for a number": (
        changed(("epochs: 3", 'epochs: "3"')),
        '18:11: finetune.epochs: wrong type (given the text "3"; allowed a whole number',
        "did you mean 3 without quotes?)",
    ),
    "decimal for a whole number": (
        changed(("epochs: 3", "epochs: 3.0")),
        "18:11: finetune.epochs: wrong type (given 3.0; allowed a whole number",
        "did you mean 3?)",
    ),
    "learning rate of 0": (
        changed(("2e-4", "0")),
        "20:18: finetune.learning_rate: out of range (given 0; allowed a number, above 0, at most 1)",
    ),
    "learning rate above 1": (
        changed(("2e-4", "1.5")),
        "20:18: finetune.learning_rate: out of range (given 1.5;",
    ),
    "no epochs": (changed(("epochs: 3", "epochs: 0")), "18:11: finetune.epochs: out of range (given 0;"),
    "no batch": (
        changed(("batch_size: 32", "batch_size: 0")),
        "19:15: finetune.batch_size: out of range (given 0;",
    ),
    "negative seed": (changed(("seed: 1", "seed: -1")), "5:9: prepare.seed: out of range (given -1;"),
    "seed beyond 64 bits": (
        changed(("seed: 1", f"seed: {2**64}")),
        f"5:9: prepare.seed: out of range (given {2**64}; allowed a whole number, at least 0, below 2^63)",
    ),
    "UTF-16": (RIGHT.encode("utf-16"), "1:1: UTF-16 from byte 0 on: save the file as UTF-8"),
    "not UTF-8": (
        RIGHT.encode().replace(b"apache", b"apach\xe9"),
        "16:17: byte 341 (0xe9) is not UTF-8: save the file as UTF-8",
    ),
    "NUL": (RIGHT.encode().replace(b"apache", b"apach\0"), "16:17: byte 341 is NUL"),
    "control character": (
        RIGHT.replace("apache", "apach\x01"),
        "16:17: the character U+0001 is not allowed in YAML",
    ),
    "escaped control character": (
        changed(("apache-2.0", '"apache\\0"')),
        "16:12: base.license: the text holds the control character U+0000",
    ),
    "path beside the declared folder of rows": (
        changed(("data/messages", "../data/messages")),
        "4:1: prepare: ../data/messages.jsonl is outside `data: data`",
    ),
    "absolute path": (changed(("data/messages", "/data/messages")), "8:13: prepare.sources[0].path: "),
    "path in a home": (changed(("data/messages", "~/messages")), "8:13: prepare.sources[0].path: "),
    "path with a variable": (changed(("data/messages", "$HOME/messages")), "8:13: prepare.sources[0].path: "),
    "branch for a commit": (
        changed(("0123456789abcdef0123456789abcdef01234567", "main")),
        "15:15: base.source.revision: must be a full commit hash of 40 hex digits",
    ),
    "short commit": (
        changed(("0123456789abcdef0123456789abcdef01234567", "deadbee")),
        "15:15: base.source.revision: ",
    ),
    "unknown kind": (
        changed(("kind: text_classification", "kind: text_clasification")),
        "2:9: task",
        'text_clasification"; allowed ',
        "did you mean text_classification?",
    ),
    "unknown kind in a list": (
        changed(("kind: jsonl", "kind: jsn")),
        '7:13: prepare.sources[0].kind: unknown kind (given the text "jsn"; allowed arrow, csv, digits, ',
        "hub, image_archive, image_folder, json_document, jsonl, parquet, text_folder; did you mean jsonl?)",
    ),
    "kind left out": (
        changed(("    kind: hub\n", "")),
        "12:3: base.source.kind: missing key (allowed hub, path, wheel)",
    ),
    "misspelt metric": (
        changed(("epochs: 3", "epochs: 3\n  selection_metric: accurcay")),
        '19:21: finetune.selection_metric: unknown value (given the text "accurcay"; allowed nll, accuracy',
        "did you mean accuracy?)",
    ),
    "fractions of less than 1": (
        changed(("train: 0.6", "train: 0.5")),
        "9:3: prepare.fractions: the four fractions add up to 0.9, not 1",
    ),
    "no validation rows": (
        changed(("train: 0.6, validation: 0.1", "train: 0.7, validation: 0")),
        "4:1: prepare: no rows would reach validation: give a fraction above 0 or a source with that split",
    ),
    "column that the task has not": (
        changed(("      path: data", "      columns: {txt: message}\n      path: data")),
        "8:22: prepare.sources[0].columns.txt: a text_classification row has no such column",
        "(allowed id, text, label",
        "did you mean text?)",
    ),
    "one label": (
        changed(("max_length: 64", "label_names: [a]")),
        "3:3: task.label_names: wrong number of items (given 1; allowed a list, at least 2 items",
    ),
    "label twice": (
        changed(("max_length: 64", "label_names: [a, b, a]")),
        "3:3: task.label_names: names a twice: every class needs a name of its own",
    ),
    "label with spaces": (
        changed(("max_length: 64", 'label_names: [a, " b"]')),
        '3:20: task.label_names[1]: wrong form (given the text " b"',
    ),
    "list for a text": (
        changed(("owner/encoder", "[owner/encoder]")),
        "14:5: base.source.id: wrong type (given a list; allowed a text)",
    ),
    "cross-fitting without folds": (
        changed(("epochs: 3", "epochs: 3\n  cross_fit: true")),
        "19:14: finetune.cross_fit: there are no folds to fit on: declare prepare.folds",
    ),
    "text for a list": (
        changed(("  data: data", "  data: data\n  keep_columns: channel")),
        "did you mean a list: [channel]?)",
    ),
    "gate on a misspelt metric": (
        changed(("evaluate.test.accuracy", "evaluate.test.acuracy")),
        "31:16: package.gates[0].metric: no stage measures evaluate.test.acuracy (measured are ",
        "; did you mean evaluate.test.accuracy?)",
    ),
    "gate that no teacher passes": (
        changed(("at_least: 0.9", "at_least: 90")),
        "evaluate.test.accuracy lies between 0 and 1 (given 90); did you mean 0.9?",
    ),
    "gate on a split without rows": (
        changed(("evaluate.test.accuracy", "evaluate.shifted.accuracy")),
        "31:16: package.gates[0].metric: no stage measures evaluate.shifted.accuracy",
    ),
    "slices by a column that is not kept": (
        changed(("  batch_size: 64", "  slices: [{kind: column, column: chanel}]")),
        (
            "22:35: evaluate.slices[0].column: prepare keeps no such column (given chanel; "
            "name it in prepare.keep_columns)"
        ),
    ),
    "slices by a misspelt column": (
        changed(
            ("  batch_size: 64", "  slices: [{kind: column, column: chanel}]"),
            ("  data: data", "  data: data\n  keep_columns: [channel]"),
        ),
        (
            "23:35: evaluate.slices[0].column: prepare keeps no such column (given chanel; allowed channel; "
            "did you mean channel?)"
        ),
    ),
    "perturbation of something else": (
        changed(("  batch_size: 64", "  perturbations: [typos, type]")),
        (
            "22:26: evaluate.perturbations[1]: a text_classification row cannot be perturbed so (given type; "
            "allowed case, punctuation, typos"
        ),
    ),
    "tokens of a classifier": (
        changed(("  gates:", "  top_k: 16\n  gates:")),
        "30:10: package.top_k: a text_classification teacher predicts no tokens (language models do)",
    ),
    "stored tokens of a classifier": (
        changed(("  batch_size: 64", "  top_k: 16")),
        "22:10: evaluate.top_k: a text_classification teacher predicts no tokens (language models do)",
    ),
    "soft targets of no split": (
        changed(("  gates:", "  soft_targets: [train, calibratoin]\n  gates:")),
        "30:25: package.soft_targets[1]: prepare makes no such split (given calibratoin",
        "did you mean calibration?)",
    ),
    **{
        f"teacher called {name!r}": (
            changed(("mailroom", f'"{name}"')),
            "26:9: package.name: wrong form (given the text ",
            "Name of the teacher: lower-case letters, digits and dashes",
        )
        for name in ("mail@room", "mail/room", "mail room", "..", "-mail", "Mail", "", "m" * 300)
    },
    "Hugging Face token": (
        changed(("owner/encoder", HUGGING_FACE)),
        "14:9: base.source.id: looks like a Hugging Face token: remove it, revoke it",
    ),
    "GitHub token in a comment": (RIGHT + f"# {GITHUB}\n", "33:3: looks like a GitHub token"),
    "AWS key as a key": (changed(("  max_length: 64", f"  {AWS}: 64")), "looks like an AWS access key"),
}


@pytest.mark.parametrize("name", ONE_PROBLEM)
def test_one_problem_is_one_line_with_place_and_way_out(tmp_path: Path, name: str) -> None:
    content, start, *words = ONE_PROBLEM[name]
    assert content != RIGHT
    lines = problems(tmp_path, content)
    if name == "AWS key as a key":  # the key itself is unknown as well
        lines = [line for line in lines if "looks like" in line]
    assert len(lines) == 1, lines
    assert start in lines[0]
    assert start[0] not in "123456789" or lines[0].startswith(start), lines
    assert all(word in lines[0] for word in words), lines


def test_secrets_are_never_repeated(tmp_path: Path) -> None:
    edits = [
        ("owner/encoder", HUGGING_FACE),
        ("apache-2.0", GITHUB),
        ("learning_rate: 2e-4", f"{AWS}: {AWS}"),
    ]
    text = RIGHT
    for old, new in edits:
        text = text.replace(old, new)
    text += f"# {GITHUB}\n"
    said = check(tmp_path, text).output
    assert said.count("looks like") == 5
    assert not any(secret in said for secret in (HUGGING_FACE, GITHUB, AWS))


def test_many_mistakes_are_told_at_once_in_the_order_of_the_file(tmp_path: Path) -> None:
    text = changed(
        ("max_length: 64", "max_length: four"),
        ("seed: 1", "seed: &s 1"),
        ("kind: jsonl", "kind: jsn"),
        ("  license: apache-2.0\n", ""),
        ("epochs: 3", "epochs: 010"),
        ("learning_rate:", "learning_rat:"),
    )
    places = [line.split(": ")[:2] for line in problems(tmp_path, text)]
    assert places == [
        ["3:15", "task.max_length"],
        ["5:9", "prepare.seed"],
        ["7:13", "prepare.sources[0].kind"],
        ["11:1", "base.license"],
        ["17:11", "finetune.epochs"],
        ["19:3", "finetune.learning_rat"],
    ]


def test_sections_that_are_right_are_compared_although_others_are_wrong(tmp_path: Path) -> None:
    text = changed(
        ("epochs: 3", "epochs: 0"), ("      path: data", "      columns: {txt: a}\n      path: data")
    )
    assert [line.split(": ")[1] for line in problems(tmp_path, text)] == [
        "prepare.sources[0].columns.txt",
        "finetune.epochs",
    ]


def test_a_long_list_of_problems_is_cut(tmp_path: Path) -> None:
    text = RIGHT + "".join(f"unknown{n}: 1\n" for n in range(30))
    lines = problems(tmp_path, text)
    assert len(lines) == 21
    assert lines[-1].endswith("+ 10 more")


def test_a_byte_order_mark_is_accepted(tmp_path: Path) -> None:
    assert problems(tmp_path, b"\xef\xbb\xbf" + RIGHT.encode()) == []


def test_carriage_returns_are_accepted(tmp_path: Path) -> None:
    assert problems(tmp_path, RIGHT.replace("\n", "\r\n")) == []


def bomb() -> str:
    """430 bytes that unfold to 10^9 values."""
    rows = ["a: &a [x,x,x,x,x,x,x,x,x,x]"]
    rows += [
        f"{name}: &{name} [{','.join(['*' + before] * 10)}]"
        for before, name in zip("abcdefgh", "bcdefghi", strict=True)
    ]
    return "\n".join(rows) + "\n"


HOSTILE = {
    "alias bomb": (bomb(), "an alias (given *a): write the value out"),
    "value that holds itself": ("task: &t [*t]\n", "an alias (given *t)"),
    "merge key": ("base: {a: 1}\ntask:\n  <<: {b: 2}\n", "a merge key: write the keys out"),
    "20,000 nested lists": ("task: " + "[" * 20_000, "nested too deeply (allowed at most 20 levels)"),
    "20,000 nested mappings": ("task: " + "{a: " * 20_000, "nested too deeply (allowed at most 20 levels)"),
    "a million values": ("task: [" + "a," * 500_000 + "]", "too many values (allowed at most 10000)"),
    "a million lines": ("#\n" * 500_000 + "task: [", "this is not YAML"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_files_are_refused_in_seconds(tmp_path: Path, name: str) -> None:
    text, words = HOSTILE[name]
    with at_most(20):
        lines = problems(tmp_path, text)
    assert any(words in line for line in lines), lines


@contextmanager
def at_most(seconds: int) -> Iterator[None]:
    def stop(*_: object) -> None:
        raise TimeoutError

    signal.signal(signal.SIGALRM, stop)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)


def test_a_huge_file_is_not_even_read(tmp_path: Path) -> None:
    file = tmp_path / "params.yaml"
    with file.open("wb") as stream:
        stream.truncate(100_000_000)
    result = CliRunner().invoke(main, ["check", str(file)])
    assert (result.exit_code, result.stderr) == (
        1,
        f"{file}: larger than 1048576 bytes: is this the right file?\n",
    )


def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    file = tmp_path / "params.yaml"
    os.mkfifo(file)
    with at_most(20):
        result = CliRunner().invoke(main, ["check", str(file)])
    assert (result.exit_code, result.stderr) == (1, f"{file}: not a regular file\n")


def test_a_tag_runs_no_code(tmp_path: Path) -> None:
    canary = tmp_path / "canary"
    text = changed(("max_length: 64", f'max_length: !!python/object/apply:os.system ["touch {canary}"]'))
    assert "a tag (given" in problems(tmp_path, text)[0]
    assert not canary.exists()


def test_a_file_that_is_not_there_seen_from_a_shell(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "teacherspec", "check", "missing.yaml"]
    result = subprocess.run(command, capture_output=True, text=True)
    assert (result.returncode, result.stdout, result.stderr) == (1, "", "missing.yaml: no such file\n")
