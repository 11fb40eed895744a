"""Which tokens next to images are supervised, worked out by hand; what is cut, and what never is."""

import pytest
from datasets import Dataset

from teacherspec.errors import BaseModelError, DataError
from teacherspec.tasks.shared.columns.base import ColumnError
from teacherspec.tasks.shared.image_decoding import decode
from teacherspec.tasks.vision_language.insert_images import insert_images
from teacherspec.text.conversation import Turn
from tests.pipeline.vision_language.toys import LLAVA, SEEN, picture, processor, task
from tests.toys.trained_language_model import marked

IMAGE = "<image>" * SEEN


def row(prompt="Which colour?", answer="red", images=1, **others):
    return {
        "id": "r0",
        "images": [picture("red", seed) for seed in range(images)],
        "prompt": prompt,
        "completion": [answer],
        **others,
    }


def supervised_text(kind, made, given):
    return marked(made.tokenizer, kind.encoder(made).encode(kind.conversation(given)))


@pytest.mark.parametrize(
    ("prompt", "images", "expected"),
    [
        ("Which colour?", 1, f"USER: {IMAGE}\nWhich colour? ASSISTANT:« red</s>»"),
        ("<image>\nWhich colour?", 1, f"USER: {IMAGE}\nWhich colour? ASSISTANT:« red</s>»"),
        ("Is <image> like <image>?", 2, f"USER: Is {IMAGE}\n like {IMAGE}\n? ASSISTANT:« red</s>»"),
        ("Alike?", 2, f"USER: {IMAGE}\n{IMAGE}\nAlike? ASSISTANT:« red</s>»"),
    ],
)
def test_images_are_expanded_and_only_the_answer_is_learned(prompt, images, expected):
    assert supervised_text(task(), processor(), row(prompt, images=images)) == expected


def test_a_size_of_its_own_takes_tokens_of_its_own():
    made, kind = processor("llava_next"), task(max_length=200)
    lengths = set()
    for size in ((16, 32), (32, 16), (40, 30)):
        given = {**row(), "images": [picture("red", size=size)]}
        encoded = kind.encoder(made).encode(kind.conversation(given))
        batch = kind.collate(made)([{**encoded._asdict(), "images": given["images"]}])
        ours = [i for i in encoded.input_ids if i == made.image_token_id]
        theirs = made(
            images=[decode(given["images"][0])],
            text=["<image>"],
            add_special_tokens=False,
            return_tensors="pt",
        )["input_ids"][0]
        assert ours == theirs.tolist()
        assert batch["pixel_values"].shape[0] == 1
        lengths.add(len(ours))
    assert len(lengths) > 1


def test_plain_text_shows_images_where_they_stand():
    kind = task(rendering={"kind": "plain", "frame": "Q: {prompt} A:"})
    assert supervised_text(kind, processor(), row()) == f"<s>Q: {IMAGE}Which colour? A:«red</s>»"


def test_what_is_served_is_what_was_learned_up_to_the_answer():
    made = processor()
    for kind in (task(), task(rendering={"kind": "plain"})):
        encoder, conversation = kind.encoder(made), kind.conversation(row("<image> or <image>?", images=2))
        encoded = encoder.encode(conversation)
        assert encoded.input_ids[: encoded.answer_start] == encoder.encode_prompt(conversation)


def test_a_long_prompt_is_cut_around_its_images():
    made, long = processor(), "0 1 2 3 4 5 6 7 8 9 " * 4 + "<image> 9 8 7?"
    kind = task(max_length=32, over_long="truncate_prompt")
    encoded = kind.encoder(made).encode(kind.conversation(row(long)))
    assert 24 <= len(encoded.input_ids) <= 32
    assert encoded.cut > 0
    assert made.tokenizer.decode(encoded.input_ids).startswith("USER: ")
    assert encoded.input_ids.count(made.image_token_id) == SEEN
    assert (
        made.tokenizer.decode(
            [t for t, flag in zip(encoded.input_ids, encoded.supervised, strict=True) if flag]
        )
        == " red</s>"
    )
    prompt = kind.encoder(made).encode_prompt(kind.conversation(row(long)), 30)
    assert len(prompt) <= 30
    assert prompt.count(made.image_token_id) == SEEN
    assert made.tokenizer.decode(prompt).endswith("9 8 7? ASSISTANT:")


@pytest.mark.parametrize(
    ("changes", "given", "message"),
    [
        ({"max_length": 16}, row(), f"{SEEN} of them of images (task.max_length is 16)"),
        (
            {"max_length": 16, "over_long": "truncate_prompt"},
            row(images=3),
            f"{3 * SEEN} of them of images, with the texts of the user cut to their last words",
        ),
        ({}, row("<image> <image>?"), "has 1 images and 2 marks <image>"),
        ({}, row(answer="<image>"), "has <image> in a turn of the assistant"),
        ({}, row("Which </s>?"), "holds </s>"),
    ],
)
def test_rows_that_cannot_be_encoded_are_all_counted(changes, given, message):
    kind = task(**changes)
    rows = Dataset.from_list([{**given, "id": f"r{n}"} for n in range(2)])
    with pytest.raises(DataError) as caught:
        kind.encode(processor(), rows)
    assert [problem.split(":")[0] for problem in caught.value.problems] == ["row r0", "row r1"]
    assert message in caught.value.problems[0]


@pytest.mark.parametrize(
    ("template", "message"),
    [
        (LLAVA.replace("{{ eos_token }}", "{{ ' ' }}"), "ends an answer with no special token"),
        (LLAVA.replace("<image>", "[picture]"), "writes <image> 0 times for one image"),
        (None, "the base has no chat template"),
    ],
)
def test_templates_without_an_answer_or_image_are_refused(template, message):
    with pytest.raises(BaseModelError, match=message):
        task().encoder(processor(template=template))


def test_messages_may_come_in_parts():
    kind = task(rows="messages", max_length=128)
    turns = [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": [{"type": "image"}, {"type": "text", "text": "Which colour?"}]},
        {"role": "assistant", "content": "red"},
        {"role": "user", "content": "Sure?"},
        {"role": "assistant", "content": [{"type": "text", "text": "yes"}]},
    ]
    images, question, answer = kind.row_schema().columns()
    assert (images.source_column, question.source_column, answer.source_column) == (
        "images",
        "messages",
        "messages",
    )
    given = {"images": [picture("red")], "prompt": question.read(turns), "answer": answer.read(turns)}
    assert supervised_text(kind, processor(), given) == (
        f"SYSTEM: Be brief. USER: {IMAGE}\nWhich colour? ASSISTANT:« red</s>»USER: Sure? ASSISTANT:« yes</s>»"
    )
    shown = kind.conversation(given)
    assert shown.prompt[1] == Turn("user", "Which colour?", (0,))
    turns[1]["content"][0] = {"type": "image", "image": "photo.jpg"}
    with pytest.raises(ColumnError, match="whose image is in the column of images"):
        question.read(turns)


def test_placing_keeps_texts_and_images_in_order():
    from teacherspec.text.conversation import Conversation

    asked = Conversation((Turn("user", "a\n<image>\nb <image>"),), ("c",))
    (turn,) = insert_images(asked, [b"1", b"2"]).prompt
    assert list(turn.parts()) == ["a\n", None, "b ", None]
