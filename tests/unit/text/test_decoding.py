"""Answers do not depend on what shares their batch, and samples have the model's distribution."""

import pytest
import torch

from teacherspec.text.decoding import Decoding, RowNoise, generate
from tests.toys.language_models import tiny_model

PROMPTS = [[1, 20, 30], [1, 40, 50, 60, 70, 80], [1, 25], [1, 90, 91, 92]]
NAMES = ["a", "b", "c", "d"]


def answers(model, decoding, batch_size, prompts=PROMPTS, names=NAMES):
    found = generate(model, prompts, names, decoding, stop_ids=[2, 77], pad_id=2, batch_size=batch_size)
    return [(answer.ids, answer.stopped) for answer in found]


@pytest.mark.parametrize("family", ["llama", "gpt2"])
@pytest.mark.parametrize("temperature", [0.0, 0.8])
def test_a_batch_gives_what_each_prompt_gives_alone(family, temperature):
    model, decoding = tiny_model(family), Decoding(12, temperature=temperature, top_p=0.9, seed=5)
    alone = answers(model, decoding, 1)
    assert answers(model, decoding, 3) == alone
    assert answers(model, decoding, 4, PROMPTS[::-1], NAMES[::-1]) == alone[::-1]


@pytest.mark.parametrize("family", ["llama", "gpt2", "mistral"])
def test_rows_that_stop_early_leave_the_others_as_they_were(family):
    """A fifth of the vocabulary stops an answer, so that rows of a batch stop one after another."""
    model, decoding = tiny_model(family), Decoding(12, temperature=0.8, top_p=0.9, seed=5)
    prompts = [[1, *range(20 + at, 25 + 2 * at)] for at in range(16)]
    stops = list(range(2, model.config.vocab_size, 5))
    widths = []

    def all_answers(batch_size):
        names = [str(at) for at in range(16)]
        return generate(model, prompts, names, decoding, stop_ids=stops, pad_id=2, batch_size=batch_size)

    alone = all_answers(1)
    model.register_forward_pre_hook(
        lambda _, given, named: widths.append(len(named["input_ids"])), with_kwargs=True
    )
    assert all_answers(16) == alone
    assert widths[0] == 16
    assert widths == sorted(widths, reverse=True)
    assert widths[-1] <= 8, "those that have stopped are computed no longer"
    assert len({len(one.ids) for one in alone}) > 3, "they must stop at different lengths for this to show"


def test_greedy_is_the_step_by_step_argmax_up_to_a_stop():
    model = tiny_model("llama")
    ids, expected, stopped = list(PROMPTS[1]), [], False
    with torch.no_grad():
        while len(expected) < 12 and not stopped:
            token = int(model(input_ids=torch.tensor([ids])).logits[0, -1].argmax())
            stopped = token in (2, 77)
            ids.append(token)
            expected += [] if stopped else [token]
    assert answers(model, Decoding(12), 4)[1] == (tuple(expected), stopped)


def test_the_seed_decides_the_sample():
    model = tiny_model("llama")
    first, again, other = (answers(model, Decoding(8, 1.0, seed=seed), 4) for seed in (1, 1, 2))
    assert first == again != other


def test_noise_samples_the_softmax():
    logits = torch.tensor([[2.0, 0.0, 1.0, -torch.inf]])
    names = [str(number) for number in range(4000)]
    noise = RowNoise(names, seed=0, first_length=1)
    drawn = noise(torch.zeros(len(names), 1), logits.expand(len(names), -1)).argmax(1)
    shares = torch.bincount(drawn, minlength=4) / len(names)
    torch.testing.assert_close(shares, logits.softmax(1)[0], atol=0.03, rtol=0)
