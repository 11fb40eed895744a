"""Which tokens are supervised, worked out by hand for three chat templates and for plain text."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from teacherspec.errors import BaseModelError, DataError
from teacherspec.text.chat_rendering import PlainRenderer, chat_renderer
from teacherspec.text.conversation import Conversation, Turn, problem_with_turns
from teacherspec.text.tokenization import Encoder
from tests.toys.language_models import CHATML, LLAMA3, MISTRAL, tiny_tokenizer
from tests.toys.trained_language_model import marked

SHORT = Conversation((Turn("user", "2 3?"),), ("5",))
LONG = Conversation((Turn("user", "1?"), Turn("assistant", "2"), Turn("user", "3?")), ("4", "four"))


def chat(template, **options):
    tokenizer = tiny_tokenizer(template)
    return Encoder(tokenizer, chat_renderer(tokenizer, None), options.pop("max_length", 200), **options)


def plain(frame="{prompt}", **options):
    return Encoder(tiny_tokenizer(), PlainRenderer(frame, "</s>"), options.pop("max_length", 200), **options)


@pytest.mark.parametrize(
    ("template", "short", "long"),
    [
        (
            CHATML,
            "<|im_start|>user\n2 3?<|im_end|>\n<|im_start|>assistant\n«5<|im_end|>»",
            (
                "<|im_start|>user\n1?<|im_end|>\n<|im_start|>assistant\n«2<|im_end|>»\n"
                "<|im_start|>user\n3?<|im_end|>\n<|im_start|>assistant\n«4<|im_end|>»"
            ),
        ),
        (
            LLAMA3,
            (
                "<s><|start_header_id|>user<|end_header_id|>\n\n2 3?<|eot_id|>"
                "<|start_header_id|>assistant<|end_header_id|>\n\n«5<|eot_id|>»"
            ),
            (
                "<s><|start_header_id|>user<|end_header_id|>\n\n1?<|eot_id|>"
                "<|start_header_id|>assistant<|end_header_id|>\n\n«2<|eot_id|>»"
                "<|start_header_id|>user<|end_header_id|>\n\n3?<|eot_id|>"
                "<|start_header_id|>assistant<|end_header_id|>\n\n«4<|eot_id|>»"
            ),
        ),
        (
            MISTRAL,
            "<s>[INST] 2 3? [/INST]« 5</s>»",
            "<s>[INST] 1? [/INST]« 2</s>»[INST] 3? [/INST]« 4</s>»",
        ),
    ],
    ids=["chatml", "llama3", "mistral"],
)
def test_exactly_answers_and_stop_tokens_are_learned(template, short, long):
    encoder = chat(template)
    assert marked(encoder.tokenizer, encoder.encode(SHORT)) == short
    assert marked(encoder.tokenizer, encoder.encode(LONG)) == long


@pytest.mark.parametrize("template", [CHATML, LLAMA3, MISTRAL])
def test_a_chat_is_read_in_training_as_a_server_reads_it(template):
    encoder = chat(template)
    for conversation in (SHORT, LONG):
        encoded, prompt = encoder.encode(conversation), encoder.encode_prompt(conversation)
        assert encoded.input_ids[: encoded.answer_start] == prompt
        messages = [{"role": turn.role, "content": turn.content} for turn in conversation.prompt]
        served = encoder.tokenizer.apply_chat_template(
            messages, add_generation_prompt=True, tokenize=True, return_dict=True
        )
        assert prompt == list(served["input_ids"])
        assert encoded.input_ids.count(encoder.tokenizer.bos_token_id) <= 1
        assert encoded.input_ids[-1] == encoder.stop_id
        assert encoded.supervised[-1] == 1


WORD = st.text(st.sampled_from("ab 01:\n?é"), min_size=1, max_size=8)


@given(WORD, WORD)
def test_a_plain_row_is_its_prompt_as_served_and_then_the_answer(question, answer):
    encoder = plain()
    conversation = Conversation((Turn("user", question),), (answer,))
    encoded = encoder.encode(conversation)
    served = list(encoder.tokenizer(question)["input_ids"])  # with BOS, as any server
    assert encoded.input_ids[: encoded.answer_start] == served == encoder.encode_prompt(conversation)
    assert encoder.tokenizer.decode(encoded.input_ids[encoded.answer_start :]) == answer + "</s>"
    assert encoded.supervised == [0] * len(served) + [1] * (len(encoded.input_ids) - len(served))
    assert encoded.input_ids.count(1) == 1


def test_a_token_over_the_boundary_is_cut_there():
    encoder = plain()
    whole = encoder.tokenizer("the quick", add_special_tokens=False)["input_ids"]
    encoded = encoder.encode(Conversation((Turn("user", "the qu"),), ("ick",)))
    assert encoded.split
    assert encoded.input_ids[1:-1] != whole


def test_a_frame_and_a_system_prompt():
    encoder = plain("{system}\nQ: {prompt}\nA:")
    conversation = SHORT.with_system("Be {brief}.")
    assert marked(encoder.tokenizer, encoder.encode(conversation)) == "<s>Be {brief}.\nQ: 2 3?\nA:«5</s>»"
    assert conversation.with_system("other") == conversation


def test_a_row_that_does_not_fit_is_refused_or_cut_from_the_front_of_the_prompt():
    row = Conversation((Turn("user", "0 1 2 3 4 5 6 7 8 9"),), ("5",))
    whole = plain().encode(row)
    with pytest.raises(DataError, match=r"task\.max_length is 8"):
        plain(max_length=8).encode(row)
    cut = plain(max_length=8, over_long="truncate_prompt").encode(row)
    assert (len(cut.input_ids), cut.cut) == (8, len(whole.input_ids) - 8)
    assert cut.input_ids == [1, *whole.input_ids[-7:]]
    assert cut.supervised[-2:] == [1, 1]
    with pytest.raises(DataError, match="leaves no room"):
        plain(max_length=8, over_long="truncate_prompt").encode(
            Conversation((Turn("user", "0"),), ("0 1 2 3 4 5 6 7 8 9",))
        )


def test_a_special_token_in_the_data_is_refused():
    with pytest.raises(DataError, match=r"holds </s>"):
        plain().encode(Conversation((Turn("user", "a"),), ("b</s>c",)))


def test_templates_that_cannot_be_learned_from_are_refused():
    with pytest.raises(BaseModelError, match="no chat template"):
        chat_renderer(tiny_tokenizer(), None)
    endless = "{% for m in messages %}{{ m['role'] }}: {{ m['content'] }}\n{% endfor %}"
    with pytest.raises(BaseModelError, match="never stop"):
        chat_renderer(tiny_tokenizer(), endless)
    silent = "{% for m in messages if m['role'] == 'user' %}{{ m['content'] }}{{ eos_token }}{% endfor %}"
    with pytest.raises(BaseModelError, match="leaves the answer out"):
        chat_renderer(tiny_tokenizer(), silent)
    forgetful = "{{ messages | length }}" + CHATML
    with pytest.raises(DataError, match="differently once more turns follow"):
        chat(forgetful).encode(LONG)
    with pytest.raises(DataError, match="no system prompts"):
        chat(MISTRAL).encode(SHORT.with_system("Be brief."))


@pytest.mark.parametrize(
    ("roles", "message"),
    [
        (["user", "assistant"], None),
        (["system", "user", "assistant", "user", "assistant"], None),
        (["user"], "must end with a turn of the assistant"),
        (["assistant", "user", "assistant"], "must alternate"),
        (["user", "system", "assistant"], "not the first"),
        (["user", "tool", "assistant"], "has the role tool"),
    ],
)
def test_roles(roles, message):
    problem = problem_with_turns([(role, "x") for role in roles])
    assert (problem is None) if message is None else message in problem
