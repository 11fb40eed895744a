"""What two tokenizers and their models make of the same texts, and what each difference breaks for a student.

A student that learns distributions is compared with the teacher token by token and position by position.
Most differences raise no error anywhere: the loss falls, and the student learns nonsense.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

PROBES = (
    "Hello world",
    " leading and trailing ",
    "two  spaces\tand\ttabs",
    "line one\nline two\r\n\r\nline four",
    "It's 12345.678, isn't it?",
    "naïve café Ångström",
    "e\u0301 and \u00e9, \ufb01ne, \uff26\uff35\uff2c\uff2c",
    "日本語の文",
    "\U0001f642 \U0001f469\u200d\U0001f467",
    "def f(x):\n    return x ** 2",
    "UPPER lower MiXed",
)
"""Texts in which tokenizers differ: spaces, line ends, digits, Unicode forms, scripts, code, case."""

SHOWN_CHARACTERS = 40

SPECIAL = {
    "bos": "the student begins texts with another token than the teacher's targets do",
    "eos": "the student ends where the teacher does not, or goes on where the teacher has ended",
    "pad": "a loss that masks one of them learns filling, or masks what the other one means by it",
    "unk": "what one cannot write becomes another token",
}
"""Special token → what a difference breaks."""


@dataclass(frozen=True)
class Side:
    """A tokenizer with what its model's settings say.

    Attributes:
        tokenizer: as loaded, with its chat template.
        rows: of the embedding, the width of the logits.
        context: longest input in tokens; None where unlimited.
        ends: ids with which generation ends.
    """

    tokenizer: Any
    rows: int
    context: int | None
    ends: frozenset[int]


class Difference(NamedTuple):
    """One way in which a student's tokens are not the teacher's.

    Attributes:
        name: of the comparison.
        what: is different.
        breaks: what happens where it is not noticed.
        remedy: what to do.
        blocks: whether no distribution over tokens can be learned with it.
    """

    name: str
    what: str
    breaks: str
    remedy: str
    blocks: bool


def differences(
    teacher: Side, student: Side, texts: Sequence[str], dialogues: Sequence[Sequence[Mapping[str, str]]]
) -> list[Difference]:
    """All differences.

    Args:
        teacher: as it will be packaged.
        student: as declared.
        texts: of rows, in addition to `PROBES`.
        dialogues: messages of prompts, for the chat templates; none where the teacher uses no template.
    """
    return [
        *_vocabulary(teacher, student),
        *_tokens(teacher.tokenizer, student.tokenizer, (*PROBES, *texts)),
        *_beginning(teacher.tokenizer, student.tokenizer),
        *_width(teacher, student),
        *_special(teacher.tokenizer, student.tokenizer),
        *_ends(teacher, student),
        *_template(teacher.tokenizer, student.tokenizer, dialogues),
    ]


OTHER = "take a student with the teacher's tokenizer, or declare `learns: text`"


def _vocabulary(teacher: Side, student: Side) -> Iterator[Difference]:
    ours, theirs = (side.tokenizer.get_vocab() for side in (teacher, student))
    moved = sorted(token for token in ours.keys() & theirs.keys() if ours[token] != theirs[token])
    missing, more = len(ours.keys() - theirs.keys()), len(theirs.keys() - ours.keys())
    if not (moved or missing or more):
        return
    parts = [f"{missing} of the teacher's {len(ours)} tokens are not in the student's vocabulary"] * bool(
        missing
    )
    parts += [f"{more} of the student's {len(theirs)} not in the teacher's"] * bool(more)
    if moved:
        token = moved[0]
        example = f"{_shown(token)} ({ours[token]}, in the student {theirs[token]})"
        parts.append(f"{len(moved)} tokens have other ids, such as {example}")
    yield Difference(
        "vocabulary",
        ", ".join(parts),
        "probabilities of different tokens are compared: training runs, and teaches nonsense",
        OTHER,
        True,
    )


def _tokens(ours: Any, theirs: Any, texts: Sequence[str]) -> Iterator[Difference]:
    def tokens(tokenizer: Any, text: str) -> list[str]:
        ids = tokenizer(text, add_special_tokens=False)["input_ids"]
        found: list[str] = tokenizer.convert_ids_to_tokens(ids)
        return found

    pairs = [(text, tokens(ours, text), tokens(theirs, text)) for text in dict.fromkeys(texts)]
    changed = [(text, one, other) for text, one, other in pairs if one != other]
    if changed:
        text, one, other = changed[0]
        yield Difference(
            "tokenisation",
            f"{len(changed)} of {len(pairs)} texts become other tokens, such as {_shown(text)}: {len(one)}, "
            f"in the student {len(other)}",
            "targets belong to other positions of the student's input",
            OTHER,
            True,
        )


def _beginning(ours: Any, theirs: Any) -> Iterator[Difference]:
    def added(tokenizer: Any) -> tuple[list[str], list[str]]:
        bare, whole = (tokenizer("a", add_special_tokens=flag)["input_ids"] for flag in (False, True))
        at = next((n for n in range(len(whole)) if whole[n : n + len(bare)] == bare), 0)
        ends = whole[:at], whole[at + len(bare) :]
        before, after = (list(tokenizer.convert_ids_to_tokens(part)) for part in ends)
        return before, after

    one, other = added(ours), added(theirs)
    if one != other:
        yield Difference(
            "added tokens",
            f"the teacher's tokenizer writes {one[0] or 'nothing'} before a text and {one[1] or 'nothing'} "
            f"after it, the student's {other[0] or 'nothing'} and {other[1] or 'nothing'}",
            "every position is off by as many tokens, where a trainer tokenises texts itself",
            "give the student the tokenizer files of the package, or train on the stored `input_ids`",
            False,
        )


def _width(teacher: Side, student: Side) -> Iterator[Difference]:
    ours, theirs = teacher.rows, student.rows
    if ours == theirs:
        return
    needed = max(teacher.tokenizer.get_vocab().values()) + 1
    remedy = f"resize the student before training: `student.resize_token_embeddings({ours})`"
    if needed <= theirs < ours:
        remedy = f"declare `package.trim_vocabulary: {theirs}`: no token uses the rows above {needed - 1}"
    yield Difference(
        "width of the logits",
        f"the teacher's logits have {ours} columns, the student's {theirs}",
        "trainers refuse the pair, or cut columns without a word",
        remedy,
        True,
    )


def _special(ours: Any, theirs: Any) -> Iterator[Difference]:
    for name, breaks in SPECIAL.items():
        one, other = (getattr(tokenizer, f"{name}_token") for tokenizer in (ours, theirs))
        if one != other:
            yield Difference(
                f"{name} token",
                f"{_shown(one)} of the teacher, {_shown(other)} of the student",
                breaks,
                f"set `tokenizer.{name}_token` of the student to {_shown(one)} where it has this token",
                False,
            )


def _ends(teacher: Side, student: Side) -> Iterator[Difference]:
    tokens = [set(side.tokenizer.convert_ids_to_tokens(sorted(side.ends))) for side in (teacher, student)]
    if not tokens[0] & tokens[1]:
        ours, theirs = (", ".join(map(repr, sorted(names))) or "nothing" for names in tokens)
        yield Difference(
            "end of answers",
            f"the teacher's answers end with {ours}, the student's generation with {theirs}",
            "the student goes on after its answer, up to the longest one allowed",
            f"set `generation_config.eos_token_id` of the student to the id of {ours}",
            False,
        )


def _template(
    ours: Any, theirs: Any, dialogues: Sequence[Sequence[Mapping[str, str]]]
) -> Iterator[Difference]:
    remedy = "give the student the packaged template: `model/chat_template.jinja`"
    if dialogues and not theirs.chat_template:
        yield Difference(
            "chat template",
            "the student has none",
            "programs that ask it in messages fail, or use a format that it was not taught",
            remedy,
            False,
        )
        return
    for turns in dialogues:
        texts = [_rendered(tokenizer, turns) for tokenizer in (ours, theirs)]
        if texts[0] != texts[1]:
            yield Difference(
                "chat template",
                f"it writes {_around(texts[1], texts[0])} where the teacher's writes "
                f"{_around(texts[0], texts[1])}",
                "the student is taught on prompts in one format and asked in another",
                remedy,
                False,
            )
            return


def _rendered(tokenizer: Any, turns: Sequence[Mapping[str, str]]) -> str:
    try:
        return str(
            tokenizer.apply_chat_template(
                [dict(turn) for turn in turns], tokenize=False, add_generation_prompt=True
            )
        )
    except Exception as error:  # templates raise what they like
        return f"an error: {error}"


def _around(text: str, other: str) -> str:
    """The text from where it differs."""
    start = next((at for at, pair in enumerate(zip(text, other, strict=False)) if pair[0] != pair[1]), None)
    return _shown(text[min(len(text), len(other)) if start is None else start :])


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= SHOWN_CHARACTERS else f"{text[:SHOWN_CHARACTERS]}…"
