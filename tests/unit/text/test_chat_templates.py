"""Chat templates like those of published models: one prompt on any day, in training as in inference."""

import datetime
from dataclasses import replace
from datetime import date
from functools import cache

import pytest
from transformers.utils import chat_template_utils

from teacherspec.errors import BaseModelError, DataError
from teacherspec.text.chat_template import (
    chosen_template,
    fixed_template,
    options,
    random_parts,
    refuse_addresses,
    with_day,
    with_system_in_user,
)
from teacherspec.text.conversation import Conversation, Turn
from teacherspec.text.template_probe import chat_renderer, completed_template
from teacherspec.text.tokenization import Encoder
from tests.toys import chat_templates as published
from tests.toys.language_models import tiny_tokenizer
from tests.toys.trained_language_model import marked

DAY = date(2024, 7, 26)
DATED = {"LLAMA32", "MISTRAL_SMALL", "GPT_OSS"}
NO_SYSTEM = {"GEMMA2"}
NAMES = sorted(name for name in vars(published) if name.isupper() and name[0] != "_" and name != "TOKENS")

SHORT = Conversation((Turn("user", "2 3?"),), ("5",))
LONG = Conversation((Turn("user", "1?"), Turn("assistant", "2"), Turn("user", "3?")), ("4",))


@cache
def template_of(name, thoughts="none"):
    """As it is packaged."""
    text = fixed_template(getattr(published, name), DAY if name in DATED else None)
    return completed_template(tiny_tokenizer(more=published.TOKENS), text, thoughts)


@cache
def encoder(name, thoughts="none"):
    tokenizer = tiny_tokenizer(template_of(name, thoughts), more=published.TOKENS)
    return Encoder(tokenizer, chat_renderer(tokenizer, tokenizer.chat_template, thoughts), 500)


def served(tokenizer, conversation, **given):
    messages = [{"role": turn.role, "content": turn.content} for turn in conversation.prompt]
    return tokenizer.apply_chat_template(messages, add_generation_prompt=True, tokenize=False, **given)


@pytest.mark.parametrize("name", NAMES)
def test_training_reads_the_prompt_that_the_package_gives(name):
    made = encoder(name)
    for conversation in (SHORT, LONG, SHORT.with_system("Be brief."), LONG.with_system("Be brief.")):
        if name in NO_SYSTEM and conversation.prompt[0].role == "system":
            with pytest.raises(DataError, match="System role not supported"):
                made.encode(conversation)
            continue
        encoded = made.encode(conversation)
        prompt = served(made.tokenizer, conversation)
        assert made.tokenizer.decode(encoded.input_ids[: encoded.answer_start]) == prompt
        answer = made.tokenizer.decode(encoded.input_ids[encoded.answer_start : -1])
        assert answer.strip() == conversation.answers[0], "nothing of the template is learned"
        assert encoded.input_ids[-1] == made.stop_id
        assert all(turn.content in prompt for turn in conversation.prompt), "nothing is left out"


@pytest.mark.parametrize("name", NAMES)
def test_a_system_prompt_before_the_text_of_the_user_is_what_a_user_could_have_written(name):
    tokenizer = tiny_tokenizer(with_system_in_user(template_of(name)), more=published.TOKENS)
    made = Encoder(tokenizer, chat_renderer(tokenizer, tokenizer.chat_template), 500)
    for conversation in (SHORT, LONG):
        first, *others = conversation.prompt
        by_hand = replace(conversation, prompt=(Turn("user", f"Be brief.\n\n{first.content}"), *others))
        under = conversation.with_system("Be brief.")
        assert made.encode(under) == encoder(name).encode(by_hand)
        assert served(tokenizer, under) == served(encoder(name).tokenizer, by_hand), "also for other programs"
        assert made.encode(conversation) == encoder(name).encode(conversation), "nothing changes without one"


def test_contents_in_parts_get_the_system_prompt_as_parts():
    parts = "{% for p in m.content %}|{{ p.text or p.type }}{% endfor %}"
    template = "{% for m in messages %}{{ m.role }}" + parts + "{% endfor %}"
    image, text = {"type": "image"}, {"type": "text", "text": "2?"}
    messages = [
        {"role": "system", "content": [{"type": "text", "text": "S"}]},
        {"role": "user", "content": [image, text]},
    ]
    tokenizer = tiny_tokenizer(with_system_in_user(template))
    assert tokenizer.apply_chat_template(messages, tokenize=False) == "user|S|\n\n|image|2?"


@pytest.mark.parametrize(
    "turns", [(SHORT, True), (Conversation((Turn("assistant", "Hi"), *SHORT.prompt), ("5",)), False)]
)
def test_the_refusal_of_a_system_prompt_names_what_helps_where_it_does(turns):
    conversation, helps = turns
    with pytest.raises(DataError, match="System role not supported") as caught:
        encoder("GEMMA2").encode(conversation.with_system("Be brief."))
    assert ("`task.rendering.system_in: user_turn`" in str(caught.value)) == helps


@pytest.mark.parametrize("name", sorted(DATED))
def test_a_template_with_the_day_asks_for_one_and_then_always_writes_that(name, monkeypatch):
    template = getattr(published, name)
    with pytest.raises(
        BaseModelError, match=r"present day into prompts \(strftime_now on line \d+\).*today: \"2"
    ):
        fixed_template(template, None)
    now = served(tiny_tokenizer(template, more=published.TOKENS), SHORT)
    texts = []
    for later in (0, 40):

        class Clock(datetime.datetime):
            @classmethod
            def now(cls, tz=None, days=later):
                return datetime.datetime(2031, 1, 5) + datetime.timedelta(days=days)

        monkeypatch.setattr(chat_template_utils, "datetime", Clock)
        texts.append(served(encoder(name).tokenizer, SHORT))
        assert served(tiny_tokenizer(template, more=published.TOKENS), SHORT) != now, "the clock is another"
    assert texts[0] == texts[1]
    assert "26 Jul 2024" in texts[0] or "2024-07-26" in texts[0]
    assert "{" not in texts[0]


@pytest.mark.parametrize(
    "form", ["%d %b %Y", "%A, %-d %B %y", "%%Y %Y-%m-%dT%H:%M:%S", "%j %U%%", "no directive"]
)
def test_the_day_is_written_as_strftime_writes_it(form):
    tokenizer = tiny_tokenizer(with_day("{{ strftime_now(" + repr(form) + ") }}", DAY))
    assert served(tokenizer, SHORT) == DAY.strftime(form)


def test_the_day_holds_within_macros_and_for_computed_formats():
    text = (
        "{% macro line(sep) %}{{ strftime_now('%Y' ~ sep ~ '%m') }}{% endmacro %}"
        "{% if strftime_now is defined %}{{ line('/') }}{% endif %}"
    )
    assert served(tiny_tokenizer(with_day(text, DAY)), SHORT) == "2024/07"


def test_a_day_for_a_template_without_is_a_mistake():
    with pytest.raises(
        BaseModelError, match=r"task\.rendering\.today: the chat template does not write the day"
    ):
        fixed_template(published.CHATML, DAY)


@pytest.mark.parametrize("source", ["{{ ['a', 'b'] | random }}", "{{ lipsum(n=1) }}"])
def test_a_template_that_draws_at_random_is_named_as_such(source):
    with pytest.raises(BaseModelError, match=r"draws at random .* on line 2"):
        fixed_template("{# #}\n" + source + published.CHATML, None)
    assert not list(random_parts("{% set random = 1 %}{{ random }}"))


def test_an_object_of_the_program_in_a_prompt_is_refused():
    with pytest.raises(BaseModelError, match="differs in every process"):
        chat_renderer(tiny_tokenizer(), "{{ raise_exception }}" + published.CHATML)
    refuse_addresses("meet me at 0x")


def test_options_are_what_a_caller_may_give():
    assert options(published.QWEN3) == {"enable_thinking"}
    assert options(published.LLAMA32) == {"bos_token", "date_string"}
    assert options(published.CHATML) == set()
    assert options("{% if messages %}{% set day = 1 %}{% endif %}{{ day }}") == set()
    assert options("{% generation %}{{ messages }}{% endgeneration %}") == set()


@pytest.mark.parametrize("name", ["QWEN3", "QWEN3_THINKING", "QWEN35", "DEEPSEEK_R1"])
def test_an_empty_thought_belongs_to_the_prompt_also_for_other_programs(name):
    made = encoder(name)
    text = marked(made.tokenizer, made.encode(SHORT))
    assert text.endswith(f"<think>\n\n</think>\n\n«5{made.renderer.stop}»")
    assert text.count("<think>") == 1
    if "enable_thinking" in getattr(published, name):
        assert served(made.tokenizer, SHORT, enable_thinking=False) == served(made.tokenizer, SHORT)


@pytest.mark.parametrize("name", ["QWEN3", "QWEN3_THINKING", "QWEN35", "DEEPSEEK_R1", "CHATML"])
@pytest.mark.parametrize(
    "block", ["<think>\nadd\n</think>\n\n", "<think>add</think>", "\n<think> add\n\n</think>\n"]
)
def test_a_declared_thought_is_learned_whatever_its_line_breaks(name, block):
    made = encoder(name, "learned")
    conversation = Conversation(SHORT.prompt, (block + "5",))
    text = marked(made.tokenizer, made.encode(conversation))
    opens = served(made.tokenizer, SHORT).endswith("<think>\n")
    learned = "add\n</think>\n\n5" + made.renderer.stop
    assert text.endswith(f"<think>\n«{learned}»" if opens else f"«<think>\n{learned}»")


def test_answers_without_their_thoughts_in_history_are_not_learned():
    for name, thoughts, unlearned in (("QWEN3", "none", 1), ("QWEN3", "learned", 1), ("CHATML", "none", 0)):
        encoded = encoder(name, thoughts).encode(LONG)
        assert encoded.unlearned == unlearned
        assert sum(encoded.supervised) > 0
    unweighted = Conversation((LONG.prompt[0], Turn("assistant", "2", learned=False), LONG.prompt[2]), ("4",))
    encoded = encoder("CHATML").encode(unweighted)
    assert (encoded.unlearned, marked(encoder("CHATML").tokenizer, encoded).count("«")) == (0, 1)


def test_a_thought_cannot_be_learned_where_the_template_ends_it():
    closed = published.CHATML + "{% if add_generation_prompt %}<think>\n\n</think>\n\n{% endif %}"
    with pytest.raises(BaseModelError, match="ends the thought before an answer"):
        completed_template(tiny_tokenizer(), closed, "learned")
    with pytest.raises(BaseModelError, match="not known how it marks a thought"):
        template_of("GPT_OSS", "learned")


def test_a_template_that_leaves_a_turn_out_is_refused():
    silent = "{% for m in messages if m.role != 'system' %}" + published.CHATML.partition("%}")[2]
    tokenizer = tiny_tokenizer(silent)
    made = Encoder(tokenizer, chat_renderer(tokenizer, silent), 500)
    made.encode(SHORT)
    with pytest.raises(DataError, match="turn 1: the chat template does not write the text of the system"):
        made.encode(SHORT.with_system("Be brief."))


def test_several_templates_of_a_base():
    named = {"default": "a", "tool_use": "b"}
    assert chosen_template(named, None, None) == "a"
    assert chosen_template(named, None, "tool_use") == "b"
    assert chosen_template("a", None, None) == "a"
    assert chosen_template(named, "c", None) == "c"
    with pytest.raises(
        BaseModelError, match="none is `default`; declare template_name: one of rag, tool_use"
    ):
        chosen_template({"tool_use": "b", "rag": "c"}, None, None)
    with pytest.raises(
        BaseModelError, match="has no chat template rag; declare template_name: one of default"
    ):
        chosen_template(named, None, "rag")
