"""The three formats of rows: what `prepare` accepts, and the conversation in each."""

import json

import pytest

from teacherspec.cli.predict import read_rows
from teacherspec.errors import DataError
from teacherspec.tasks.shared.columns.base import ColumnError
from teacherspec.tasks.shared.row_formats import ROW_FORMATS
from teacherspec.text.conversation import Turn
from tests.pipeline.causal_lm.toys import task

TURNS = [
    {"role": "system", "content": "Be brief."},
    {"role": "user", "content": "Hi"},
    {"role": "assistant", "content": "Hello"},
]


def read(form, row):
    """A row as `prepare` stores it."""
    fields = ROW_FORMATS[form].schema(False)
    return {rule.name: rule.read(row[rule.source_column]) for rule in fields.columns()}


def test_prompt_and_completion():
    conversation = task(system="S").conversation(
        read("prompt_completion", {"prompt": "a", "completion": "b"})
    )
    assert conversation.prompt == (Turn("system", "S"), Turn("user", "a"))
    assert conversation.answers == ("b",)
    several = read("prompt_completion", {"prompt": "a", "completion": ["b", "c"]})
    assert task().conversation(several).answers == ("b", "c")


def test_messages_lie_in_one_column_and_are_asked_and_answered_apart():
    row = read("messages", {"messages": TURNS})
    conversation = task(rows="messages", system="other").conversation(row)
    assert conversation.turns() == tuple(Turn(turn["role"], turn["content"]) for turn in TURNS)
    question, answer = ROW_FORMATS["messages"].schema(False).columns()
    assert question.key(row["prompt"]) == question.key(
        [{"role": "system", "content": "be  brief."}, {"role": "user", "content": "HI"}]
    )
    assert answer.text(row["answer"]) == "Hello"


@pytest.mark.parametrize(
    ("turns", "message"),
    [
        ("Hi", "must be a list of 2"),
        (TURNS[:2], "must end with a turn of the assistant"),
        (
            [{"role": "user", "content": "x", "name": "y"}, TURNS[2]],
            "turn 1 must have a role and a content only",
        ),
        ([{"role": "user", "content": " "}, TURNS[2]], "turn 1: content is blank"),
        ([{"role": "tool", "content": "x"}, TURNS[2]], "has the role tool"),
    ],
)
def test_wrong_turns_are_refused_by_number(turns, message):
    with pytest.raises(ColumnError, match=message):
        read("messages", {"messages": turns})


def asked(row):
    """A row as `predict` reads it, and its conversation."""
    kind = task(rows="messages")
    (found,) = read_rows([json.dumps(row)], "rows.jsonl", kind.row_schema())
    return kind.conversation(found)


@pytest.mark.parametrize("column", ["messages", "prompt"])
def test_every_turn_of_what_is_asked_is_read(column):
    turns = [*TURNS, {"role": "user", "content": "And you?"}]
    conversation = asked({column: turns})
    assert conversation.prompt == tuple(Turn(turn["role"], turn["content"]) for turn in turns)
    assert conversation.answers == ()
    assert asked({column: turns[1:2]}).prompt == (Turn("user", "Hi"),)


@pytest.mark.parametrize(
    ("turns", "message"),
    [
        (TURNS, "must end with a turn of the user, which is answered; take the last answer out"),
        (TURNS[:1], "must end with a turn of the assistant, after one of the user"),
        ([], "must be a list of 1 to"),
    ],
)
def test_a_request_must_end_with_a_question(turns, message):
    with pytest.raises(DataError, match=f"rows.jsonl:1: messages: {message}"):
        asked({"messages": turns})


def test_alpaca_joins_instruction_and_input():
    with_input = read("alpaca", {"instruction": "Add.", "input": "1 2", "output": "3"})
    assert task(rows="alpaca").conversation(with_input).prompt[0].content == "Add.\n\n1 2"
    without = read("alpaca", {"instruction": "Say hi.", "input": None, "output": "hi"})
    assert task(rows="alpaca").conversation(without).prompt[0].content == "Say hi."


def test_a_row_without_an_answer_can_be_asked():
    assert task().conversation({"prompt": "a"}).answers == ()
