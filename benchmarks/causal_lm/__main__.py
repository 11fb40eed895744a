"""Supervised tokens a second of one training step: ours, a script that pads to the limit, and TRL.

    python -m benchmarks.causal_lm --rows 256 --layers 30            # ours and the padded script
    PYTHONPATH=<folder with trl> python -m benchmarks.causal_lm --trl

Same base (random weights, SmolLM2-135M's shape), same rows, same supervised tokens, same optimizer; each
program steps over the same batches. Each runs in a process of its own, so that peak memory is its own.
"""

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time

import torch
from torch.nn import functional

from teacherspec.language.head import narrow_head
from teacherspec.language.packing import Example, pack, useful_share

VOCABULARY = 49_152
LIMIT = 512


def rows(count: int) -> list[Example]:
    """Lognormal lengths (mean about 120 tokens), the last quarter of each row learned."""
    generator = torch.Generator().manual_seed(0)
    lengths = torch.exp(4.5 + 0.7 * torch.randn(count, generator=generator)).clamp(16, LIMIT).long().tolist()
    found = []
    for length in lengths:
        ids = torch.randint(10, VOCABULARY, (length,), generator=generator).tolist()
        found.append(Example(ids, [0] * (length - length // 4) + [1] * (length // 4)))
    return found


def model(layers: int) -> torch.nn.Module:
    from transformers import LlamaConfig, LlamaForCausalLM, set_seed

    set_seed(0)
    shape = LlamaConfig(
        vocab_size=VOCABULARY, hidden_size=576, intermediate_size=1536, num_hidden_layers=layers,
        num_attention_heads=9, num_key_value_heads=3, tie_word_embeddings=True, pad_token_id=2,
    )  # fmt: skip
    return LlamaForCausalLM(shape)


def ours(layers: int, _batches: list[list[Example]]):
    net = narrow_head(model(layers)).train()

    def loss(batch: list[Example]) -> torch.Tensor:
        packed = pack(batch, capacity=LIMIT, pad_id=2)
        logits = net(**{name: part for name, part in packed.items() if name != "labels"}).logits
        return functional.cross_entropy(logits.float(), packed["labels"][0, 1:])

    return net, loss


def padded(layers: int, _batches: list[list[Example]]):
    """As the usual script: every row padded to the limit, all logits made."""
    net = model(layers).train()

    def loss(batch: list[Example]) -> torch.Tensor:
        ids = torch.full((len(batch), LIMIT), 2)
        labels = torch.full((len(batch), LIMIT), -100)
        mask = torch.zeros((len(batch), LIMIT), dtype=torch.long)
        for at, (tokens, learned) in enumerate(batch):
            ids[at, : len(tokens)] = torch.tensor(tokens)
            mask[at, : len(tokens)] = 1
            labels[at, : len(tokens)] = torch.tensor(
                [token if flag else -100 for token, flag in zip(tokens, learned, strict=True)]
            )
        return net(input_ids=ids, attention_mask=mask, labels=labels).loss

    return net, loss


def trl(layers: int, batches: list[list[Example]], checkpointing: bool = True):
    """TRL's own loss and collator at its defaults, driven step by step."""
    from datasets import Dataset
    from trl import SFTConfig, SFTTrainer

    examples = [example for batch in batches for example in batch]
    data = Dataset.from_dict(
        {
            "input_ids": [list(example.input_ids) for example in examples],
            "completion_mask": [list(example.supervised) for example in examples],
        }
    )
    from tests.language.tiny import tiny_tokenizer

    arguments = SFTConfig(
        output_dir=tempfile.mkdtemp(), use_cpu=True, bf16=False, max_length=LIMIT, report_to="none",
        gradient_checkpointing=checkpointing,
    )  # fmt: skip
    trainer = SFTTrainer(
        model=model(layers), args=arguments, train_dataset=data, processing_class=tiny_tokenizer()
    )
    net = trainer.model.train()

    def loss(batch: list[Example]) -> torch.Tensor:
        rows = [{"input_ids": list(one.input_ids), "completion_mask": list(one.supervised)} for one in batch]
        return trainer.compute_loss(net, trainer.data_collator(rows))

    return net, loss


PROGRAMS = {
    "ours": ours,
    "padded": padded,
    "trl": trl,
    "trl_no_checkpointing": lambda layers, batches: trl(layers, batches, checkpointing=False),
}


def measure(name: str, layers: int, count: int, size: int, bf16: bool) -> dict[str, float]:
    """Supervised tokens a second, peak memory and the last loss of one program."""
    examples = rows(count)
    batches = [examples[at : at + size] for at in range(0, count, size)]
    net, loss = PROGRAMS[name](layers, batches)
    optimizer = torch.optim.AdamW(net.parameters(), lr=1e-4)
    seconds, losses = [], []
    for batch in batches:
        began = time.perf_counter()
        with torch.autocast("cpu", torch.bfloat16, enabled=bf16):
            value = loss(batch)
        value.backward()
        optimizer.step()
        optimizer.zero_grad()
        seconds.append(time.perf_counter() - began)
        losses.append(float(value))
    learned = sum(sum(example.supervised) for batch in batches[1:] for example in batch)
    packed = [useful_share(pack(batch, capacity=LIMIT, pad_id=2), batch) for batch in batches]
    return {
        "supervised_tokens_per_s": round(learned / max(1e-9, sum(seconds[1:])), 2),
        "peak_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        "first_loss": losses[0],
        "last_loss": losses[-1],
        "useful_share_packed": sum(packed) / len(packed),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=64)
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--layers", type=int, default=30)
    parser.add_argument("--bf16", action="store_true")
    parser.add_argument("--trl", action="store_true")
    parser.add_argument("--only", choices=PROGRAMS)
    given = parser.parse_args()
    if given.only:
        print(json.dumps(measure(given.only, given.layers, given.rows, given.batch, given.bf16)))
        return
    names = [name for name in PROGRAMS if given.trl or not name.startswith("trl")]
    for name in names:
        command = [sys.executable, "-m", "benchmarks.causal_lm", "--only", name]
        command += ["--rows", str(given.rows), "--batch", str(given.batch), "--layers", str(given.layers)]
        command += ["--bf16"] if given.bf16 else []
        found = subprocess.run(command, capture_output=True, text=True, check=False)
        print(name, found.stdout.strip().rpartition("\n")[2] or found.stderr[-800:], flush=True)


if __name__ == "__main__":
    main()
