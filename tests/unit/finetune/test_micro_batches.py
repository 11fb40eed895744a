"""What a step trains on does not depend on the number of processes and micro-batches."""

from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from teacherspec.finetune.losses import IGNORE_INDEX, objective
from teacherspec.finetune.micro_batches import IgnorableExamples, MicroBatches, ignoring_collate
from teacherspec.runtime.length_batches import longest_first
from teacherspec.runtime.machine import BatchLayout
from teacherspec.spec.finetune import CrossEntropy, Focal
from teacherspec.tasks.shared.interfaces.capabilities import LossTerms


def samplers(
    count: int, lengths: list[int] | None, micro: int, turns: int, processes: int
) -> list[MicroBatches]:
    return [
        MicroBatches(
            count,
            lengths,
            micro * turns * processes,
            BatchLayout(micro, turns),
            seed=3,
            rank=rank,
            processes=processes,
        )
        for rank in range(processes)
    ]


LAYOUTS = st.tuples(st.integers(1, 5), st.integers(1, 4), st.integers(1, 4))


@given(count=st.integers(1, 120), layout=LAYOUTS, epoch=st.integers(0, 3), grouped=st.booleans())
def test_every_step_sees_the_rows_that_one_process_would_see(count, layout, epoch, grouped) -> None:
    micro, turns, processes = layout
    lengths = [(7 * row) % 11 for row in range(count)] if grouped else None
    batch_size = micro * turns * processes
    (whole,) = samplers(count, lengths, batch_size, 1, 1)
    whole.set_epoch(epoch)
    parts = samplers(count, lengths, micro, turns, processes)
    for part in parts:
        part.set_epoch(epoch)
    assigned = [list(part) for part in parts]
    assert [len(part) for part in parts] == [len(batches) for batches in assigned]
    assert len({len(batches) for batches in assigned}) == 1, "all processes have as many"
    for number, step in enumerate(whole):
        own = [batch for batches in assigned for batch in batches[number * turns : (number + 1) * turns]]
        assert sorted(row for batch in own for row in batch if row >= 0) == sorted(step)
        assert all(len(batch) <= micro for batch in own)
        assert all((batch[0] < 0) == (batch[-1] < 0) for batch in own), (
            "a micro-batch is ignored as a whole or not at all"
        )
    assert not any(batch[0] < 0 for batch in assigned[0]), "the main process ignores no micro-batch"


def test_each_epoch_has_its_own_order_and_repeats_it() -> None:
    (batches,) = samplers(40, None, 8, 1, 1)
    first = list(batches)
    batches.set_epoch(1)
    assert list(batches) != first
    batches.set_epoch(0)
    assert list(batches) == first


def test_inference_has_every_row_once_longest_first() -> None:
    batches = longest_first(5, [3, 9, 1, 9, 4], 2)
    assert batches == [[1, 3], [4, 0], [2]]
    assert longest_first(3, None, 2) == [[0, 1], [2]]


def loss_terms(outputs: dict[str, torch.Tensor], labels: torch.Tensor) -> LossTerms:
    return LossTerms(outputs["logits"], labels)


@pytest.mark.parametrize("loss", [CrossEntropy(label_smoothing=0.1), Focal(kind="focal", gamma=2.0)])
@pytest.mark.parametrize("soft", [False, True])
@pytest.mark.parametrize("weighted", [False, True])
def test_an_ignored_micro_batch_has_no_gradient(loss: Any, soft: bool, weighted: bool) -> None:
    def collate(examples: list[Any]) -> dict[str, torch.Tensor]:
        return {name: torch.stack([one[name] for one in examples]) for name in ("logits", "labels")}

    draw = torch.Generator().manual_seed(0)
    logits = torch.randn(4, 3, generator=draw)
    labels = torch.softmax(torch.randn(4, 3, generator=draw), 1) if soft else torch.tensor([0, 2, 1, 1])
    examples = [{"logits": logits[row], "labels": labels[row]} for row in range(4)]
    rows = IgnorableExamples(examples)
    weights = torch.tensor([0.5, 1.0, 2.0]) if weighted else None
    compute = objective(loss, loss_terms, weights)

    def step(batches: list[list[int]]) -> tuple[torch.Tensor, torch.Tensor]:
        """Loss and gradient of a step, divided like Trainer by the number of labels that are not -100."""
        shift = torch.zeros(3, requires_grad=True)
        made = [ignoring_collate(collate)([rows[index] for index in batch]) for batch in batches]
        items = torch.stack([(one["labels"] != IGNORE_INDEX).sum() for one in made]).sum()
        total = torch.stack(
            [compute({"logits": one["logits"] + shift}, one["labels"], items) for one in made]
        )
        total.sum().backward()
        assert shift.grad is not None
        return total.sum().detach(), shift.grad

    full, split = step([[0, 1, 2, 3]]), step([[0, 1, 2], [~0, ~1, ~2], [3]])
    torch.testing.assert_close(full, split)
    # Negative controls: a repeated tail, and a mean of means, give another loss.
    assert not torch.allclose(full[0], step([[0, 1, 2], [0, 1, 2], [3]])[0])
    assert not torch.allclose(full[0], (step([[0, 1, 2]])[0] + step([[3]])[0]) / 2)
