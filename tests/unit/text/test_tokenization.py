"""Which tokens are supervised, worked out by hand for three chat templates and for plain text."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from teacherspec.errors import BaseModelError, DataError
from teacherspec.text.chat_rendering import PlainRenderer
from teacherspec.text.conversation import Conversation, Turn, problem_with_roles
from teacherspec.text.template_probe import chat_renderer
from teacherspec.text.tokenization import Encoder
from tests.toys.language_models import CHATML, LLAMA3, MISTRAL, tiny_tokenizer
from tests.toys.trained_language_model import marked

SHORT = Conversation((Turn("user", "2 3?"),), ("5",))
LONG = Conversation((Turn("user", "1?"), Turn("assistant", "2"), Turn("user", "3?")), ("4", "four"))


def chat(template, **options):
    tokenizer = tiny_tokenizer(template)
    return Encoder(tokenizer, chat_renderer(tokenizer, template), options.pop("max_length", 200), **options)


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
    encoder = plain(max_length=8, over_long="truncate_prompt")
    cut = encoder.encode(row)
    assert marked(encoder.tokenizer, cut) == "<s>5 6 7 8 9«5</s>»"
    assert cut.cut == len(whole.input_ids) - len(cut.input_ids) > 0
    with pytest.raises(DataError, match="leaves no room"):
        plain(max_length=8, over_long="truncate_prompt").encode(
            Conversation((Turn("user", "0"),), ("0 1 2 3 4 5 6 7 8 9",))
        )


def test_a_special_token_in_the_data_is_refused():
    with pytest.raises(DataError, match=r"holds </s>"):
        plain().encode(Conversation((Turn("user", "a"),), ("b</s>c",)))


def test_templates_that_cannot_be_learned_from_are_refused():
    endless = "{% for m in messages %}{{ m['role'] }}: {{ m['content'] }}\n{% endfor %}"
    with pytest.raises(BaseModelError, match="never stop"):
        chat_renderer(tiny_tokenizer(), endless)
    silent = "{% for m in messages if m['role'] == 'user' %}{{ m['content'] }}{{ eos_token }}{% endfor %}"
    with pytest.raises(BaseModelError, match="leaves the answer out"):
        chat_renderer(tiny_tokenizer(), silent)
    forgetful = "{{ messages | length }}" + CHATML
    assert chat(forgetful).encode(LONG).unlearned == 1, "another prompt in inference"
    with pytest.raises(DataError, match="no system prompts"):
        chat(MISTRAL).encode(SHORT.with_system("Be brief."))


@pytest.mark.parametrize(
    ("roles", "message"),
    [
        (["user", "assistant"], None),
        (["system", "user", "assistant", "user", "assistant"], None),
        (["user"], "must end with a turn of the assistant"),
        (["assistant", "user", "assistant"], None),
        (["user", "user", "assistant"], None),
        (["user", "assistant", "assistant"], "after one of the user"),
        (["system", "assistant"], "after one of the user"),
        (["user", "tool", "assistant"], "has the role tool"),
    ],
)
def test_roles(roles, message):
    problem = problem_with_roles(roles)
    assert (problem is None) if message is None else message in problem


QUICK = "The quick brown fox jumps over the lazy dog. " * 8 + "What is the colour of the sky?"


@pytest.mark.parametrize("template", [CHATML, LLAMA3], ids=["chatml", "llama3"])
@pytest.mark.parametrize("most", [47, 60, 90])
def test_only_the_text_of_the_user_is_cut_between_words(template, most):
    row = Conversation((Turn("user", QUICK),), ("yes",)).with_system("Question: Answer: yes no")
    encoder = chat(template, max_length=most, over_long="truncate_prompt")
    encoded = encoder.encode(row)
    text = encoder.tokenizer.decode(encoded.input_ids)
    whole = chat(template, max_length=1000)
    before, _, after = whole.tokenizer.decode(whole.encode(row).input_ids).partition(QUICK)
    assert text.startswith(before)
    assert text.endswith(after)
    left = text.removeprefix(before).removesuffix(after)
    assert f" {QUICK}".endswith(f" {left}"), "whole words"
    assert most - 6 <= len(encoded.input_ids) <= most
    served = encoder.encode_prompt(row, most)
    assert encoder.tokenizer.decode(served).startswith(before)
    assert len(served) <= most


def test_the_oldest_text_is_cut_first_and_answers_never():
    turns = (Turn("user", QUICK), Turn("assistant", "1 2 3 4"), Turn("user", "no " * 20 + "The fox?"))
    encoder = chat(CHATML, max_length=60, over_long="truncate_prompt")
    text = marked(encoder.tokenizer, encoder.encode(Conversation(turns, ("yes",))))
    assert text.startswith("<|im_start|>user\nsky?<|im_end|>\n<|im_start|>assistant\n«1 2 3 4<|im_end|>»")
    assert text.endswith("no The fox?<|im_end|>\n<|im_start|>assistant\n«yes<|im_end|>»")


def test_letters_stay_whole_where_a_text_has_no_spaces():
    text = "e\N{COMBINING ACUTE ACCENT}\N{CJK UNIFIED IDEOGRAPH-5929}" * 40
    encoder = plain(max_length=30, over_long="truncate_prompt")
    encoded = encoder.encode(Conversation((Turn("user", text),), ("5",)))
    left = encoder.tokenizer.decode(encoded.input_ids[1 : encoded.answer_start])
    assert text.endswith(left)
    assert left[0] != "\N{COMBINING ACUTE ACCENT}"
    assert "\N{REPLACEMENT CHARACTER}" not in left
    assert 20 <= len(encoded.input_ids) <= 30
