"""Evaluation and soft targets: tokens a second, against padded batches and the whole vocabulary's softmax."""

from collections.abc import Sequence
from typing import Any

import torch

from benchmarks.gpu.device import peak_gib, seconds
from benchmarks.gpu.shapes import PAD, Sizes, model, rows, tokenizer
from teacherspec.inference.generation import Examples, score_examples
from teacherspec.tasks.causal_lm.task import CausalLM
from teacherspec.text.block_attention import use_block_attention
from teacherspec.text.lm_head import narrow_head
from teacherspec.text.packing import Example
from teacherspec.text.topk_logits import reduce_logits

TOP = 32


def plain(net: Any, sizes: Sizes, examples: Sequence[Example]) -> None:
    """Rows padded in their order, log-probabilities of every token at every position."""
    for at in range(0, len(examples), sizes.batch):
        chosen = examples[at : at + sizes.batch]
        width = max(len(one.input_ids) for one in chosen)
        ids = torch.full((len(chosen), width), PAD, device=sizes.device)
        mask = torch.zeros_like(ids)
        for row, one in enumerate(chosen):
            ids[row, : len(one.input_ids)] = torch.tensor(one.input_ids, device=sizes.device)
            mask[row, : len(one.input_ids)] = 1
        with torch.inference_mode():
            log_probs = net(input_ids=ids, attention_mask=mask).logits.log_softmax(-1)
            log_probs[:, :-1].gather(-1, ids[:, 1:, None]).float().cpu()


def soft_targets(net: Any, task: CausalLM, sizes: Sizes, examples: Sequence[Example]) -> None:
    """What is stored of every supervised position: top 32 and the sums over all other tokens."""
    collate = task.collate(tokenizer(sizes))
    for at in range(0, len(examples), sizes.batch):
        batch = dict(collate([one._asdict() for one in examples[at : at + sizes.batch]]))
        batch = {name: value.to(sizes.device) for name, value in batch.items()}
        labels = batch.pop("labels")[0, 1:]
        with torch.inference_mode():
            for column in reduce_logits(task.logits(net, batch), labels, min(TOP, sizes.vocabulary - 1)):
                column.cpu()


def measure(sizes: Sizes) -> dict[str, Any]:
    """Tokens a second of evaluation, soft targets and the plain loop."""
    examples = rows(sizes, sizes.batch * (sizes.steps + 2))
    tokens = sum(len(one.input_ids) for one in examples)
    net = model(sizes, torch.bfloat16).eval()
    plain_s = seconds(sizes, lambda: plain(net, sizes, examples), 2)
    use_block_attention(narrow_head(net))
    task = CausalLM.model_validate_json(
        f'{{"kind": "causal_lm", "rendering": {{"kind": "chat"}}, "max_length": {sizes.longest}}}'
    )
    named = Examples([one._asdict() for one in examples], examples, [str(at) for at in range(len(examples))])
    processor = tokenizer(sizes)
    scored_s = seconds(sizes, lambda: score_examples(task, net, processor, named, sizes.batch), 2)
    targets_s = seconds(sizes, lambda: soft_targets(net, task, sizes, examples), 2)
    return {
        "evaluation_tokens_per_s": tokens / scored_s,
        "soft_target_tokens_per_s": tokens / targets_s,
        "plain_tokens_per_s": tokens / plain_s,
        "peak_gib": peak_gib(sizes),
    }
