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
            "turn 1: must have a role and a content only .*name would be dropped",
        ),
        ([{"role": "user", "content": " "}, TURNS[2]], "turn 1: content is blank"),
        ([{"role": "tool", "content": "x"}, TURNS[2]], "uses tools, .*kind: filter"),
        ([{"role": "critic", "content": "x"}, TURNS[2]], "has the role critic"),
        ([TURNS[1], {**TURNS[2], "tool_calls": [{"id": "1"}]}], "uses tools"),
        ([TURNS[1], {**TURNS[2], "weight": 0}], "weights of all are 0"),
        ([TURNS[1], {**TURNS[2], "weight": 0.5}], "turn 2: weight must be 0 or 1"),
        ([{"role": "user", "content": [{"type": "image"}]}, TURNS[2]], "turn 1: content must have parts"),
    ],
)
def test_wrong_turns_are_refused_by_number(turns, message):
    with pytest.raises(ColumnError, match=message):
        read("messages", {"messages": turns})


def asked(row):
    """A row as `predict` reads it, and its conversation."""
    kind = task(rows="messages")
    (found,) = read_rows([json.dumps(row).encode()], "rows.jsonl", kind.row_schema())
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


@pytest.mark.parametrize(
    "turns",
    [
        [
            {"from": "system", "value": "Be brief."},
            {"from": "human", "value": "Hi"},
            {"from": "gpt", "value": "Hello"},
        ],
        [{**turn, "name": None, "tool_calls": [], "weight": None} for turn in TURNS],
        [{"role": "developer", "content": "Be brief."}, *TURNS[1:]],
        [TURNS[0], {"role": "user", "content": [{"type": "text", "text": "Hi"}]}, {**TURNS[2], "weight": 1}],
        [*TURNS, {"role": "user", "content": "And?"}, {"role": "assistant", "content": "No.", "weight": 0}],
    ],
    ids=["sharegpt", "null keys", "developer", "parts", "weightless end"],
)
def test_the_same_conversation_in_other_words(turns):
    conversation = task(rows="messages").conversation(read("messages", {"messages": turns}))
    assert conversation.turns() == tuple(Turn(turn["role"], turn["content"]) for turn in TURNS)


def test_weights_and_the_order_of_roles_are_kept():
    turns = [
        {"role": "assistant", "content": "Welcome."},
        {"role": "user", "content": [{"type": "text", "text": "One"}, {"type": "text", "text": "two"}]},
        {"role": "user", "content": "three"},
        {"role": "assistant", "content": "Four", "weight": 0},
        TURNS[1],
        TURNS[2],
    ]
    prompt = task(rows="messages").conversation(read("messages", {"messages": turns})).prompt
    assert [turn.learned for turn in prompt] == [True, True, True, False, True]
    assert prompt[1].content == "One\ntwo", "no words are joined"


def test_a_thought_under_a_key_of_its_own_is_one():
    turns = [TURNS[1], {**TURNS[2], "reasoning_content": "easy"}]
    row = read("messages", {"messages": turns})
    assert task(rows="messages", thoughts="dropped").conversation(row).answers == ("Hello",)
    assert task(rows="messages", thoughts="learned").conversation(row).answers == (
        "<think>\neasy\n</think>\n\nHello",
    )


HISTORY = [["One?", "1"], ["Two?", "2"]]
EARLIER = tuple(
    Turn(role, text) for pair in HISTORY for role, text in zip(("user", "assistant"), pair, strict=True)
)
FORMATS = {
    "prompt_completion": {"prompt": "Three?", "completion": "3"},
    "alpaca": {"instruction": "Three?", "output": "3"},
    "messages": {"messages": [{"role": "user", "content": "Three?"}, {"role": "assistant", "content": "3"}]},
}


def stored(kind, row):
    """A row as `prepare` stores it, columns that it lacks as null."""
    return {rule.name: rule.read(row.get(rule.source_column)) for rule in kind.row_schema().columns()}


@pytest.mark.parametrize("form", ["prompt_completion", "alpaca"])
def test_columns_of_the_prompt_are_its_turns(form):
    kind = task(rows=form, prompt_columns=["system", "history"], system="declared")
    full = stored(kind, {**FORMATS[form], "system": "Count.", "history": HISTORY})
    question = Turn("user", "Three?")
    assert kind.conversation(full).prompt == (Turn("system", "Count."), *EARLIER, question)
    assert kind.conversation(full).answers == ("3",)
    for nothing in ({}, {"system": "", "history": []}, {"system": None, "history": None}):
        empty = stored(kind, {**FORMATS[form], **nothing})
        assert kind.conversation(empty).prompt == (Turn("system", "declared"), question)
    system, history, *_ = kind.row_schema().columns()
    assert history.key(full["history"]) != history.key(HISTORY[:1])
    assert history.from_json(json.loads(json.dumps(history.to_json(full["history"])))) == HISTORY
    assert system.name == "system"


def test_a_system_prompt_in_a_column_goes_before_messages():
    kind = task(rows="messages", prompt_columns=["system"])
    row = stored(kind, {**FORMATS["messages"], "system": "Count."})
    assert kind.conversation(row).prompt == (Turn("system", "Count."), Turn("user", "Three?"))
    same = stored(kind, {"messages": TURNS, "system": TURNS[0]["content"]})
    assert [turn.role for turn in kind.conversation(same).prompt] == ["system", "user"]
    with pytest.raises(DataError, match="two system prompts"):
        kind.conversation(stored(kind, {"messages": TURNS, "system": "Count."}))


@pytest.mark.parametrize(
    ("history", "message"),
    [
        ("One?", "must be a list of at most"),
        ([["One?", "1"], ["Two?"]], "item 2 must be a pair .*rows: messages"),
        ([{"role": "user", "content": "One?"}], "item 1 must be a pair"),
        ([["One?", " "]], "item 1: is blank"),
        ([["One?", 1]], "item 1: must be a text"),
    ],
)
def test_a_history_in_another_form_is_refused(history, message):
    with pytest.raises(ColumnError, match=message):
        stored(task(prompt_columns=["history"]), {**FORMATS["prompt_completion"], "history": history})


@pytest.mark.parametrize(
    ("declared", "message"),
    [
        ({"prompt_columns": ["system", "system"]}, "twice"),
        ({"prompt_columns": ["history"], "rows": "messages"}, "column of messages"),
        ({"prompt_columns": ["history"], "rendering": {"kind": "plain"}}, "kind: chat"),
    ],
)
def test_columns_of_the_prompt_that_do_not_fit_are_refused_by_the_declaration(declared, message):
    with pytest.raises(ValueError, match=message):
        task(**declared)
