"""What the kinds share that are trained on conversations: loading, packing, loss, reports."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from teacherspec.errors import DataError
from teacherspec.tasks.shared import chat_report, hf_loading
from teacherspec.tasks.shared.conversation_rows import ConversationRows
from teacherspec.tasks.shared.interfaces.base_fit import BaseSummary, MemoryProbe
from teacherspec.tasks.shared.interfaces.capabilities import LossTerms, SupervisedLoss
from teacherspec.tasks.shared.interfaces.model import Batch, ModelInit, Row
from teacherspec.tasks.shared.text_report import refuse_longer
from teacherspec.tasks.shared.tokenize_rows import encode_rows
from teacherspec.text.block_attention import use_block_attention
from teacherspec.text.lm_head import narrow_head
from teacherspec.text.packing import SUPERVISED, Example, pack, pad

if TYPE_CHECKING:
    import numpy.typing as npt
    import torch
    from datasets import Dataset
    from transformers import PreTrainedModel

PROBE_CANDIDATES = 2_000
"""Rows among which the longest are searched."""

PROBE_ROWS = 2


class ConversationTask(ConversationRows, SupervisedLoss):
    """A kind trained on conversations; only answers and the token that ends them are supervised."""

    has_new_head: ClassVar[bool] = False
    selection_metrics: ClassVar[Mapping[str, bool]] = {"nll": False, "accuracy": True}

    packs: ClassVar[bool] = True
    """Whether all examples of a batch share one row."""

    auto_class: ClassVar[str]
    """Name of the class of transformers that loads the model."""

    def probe_processor(self, folder: Path, rows: "Dataset") -> Iterator[str]:
        """Every conversation rendered and tokenised, images in it."""
        yield "chat template and tokenizer"
        for _ in self.refused_rows(folder, rows):
            pass  # `base` names such rows afterwards, by file and line

    def check_base(self, folder: Path, backbone: BaseSummary) -> None:
        """Refuse a `max_length` beyond the base's context. Raises `BaseModelError`."""
        refuse_longer(self.max_length, folder, backbone)

    def load_base(
        self, folder: Path, label_names: Sequence[str], start: ModelInit
    ) -> "tuple[PreTrainedModel, Any]":
        """The base, float32, and its processor, both set to end answers at the stop token.

        Raises:
            BaseModelError: the base does not load, or has no stop token.
        """
        model, processor = self._load(folder, start)
        self._fix_template(processor)
        chat_report.set_generation_config(model, self.tokenizer(processor), self.encoder(processor).stop_id)
        return model, processor

    def load(self, folder: Path) -> "tuple[PreTrainedModel, Any]":
        """A fine-tuned model as saved, and its processor. Raises `BaseModelError`."""
        return self._load(folder, ModelInit())

    def _load(self, folder: Path, start: ModelInit) -> "tuple[PreTrainedModel, Any]":
        import transformers

        processor = self.load_processor(folder)
        # For batches of prompts; `collate` lays out training examples.
        self.tokenizer(processor).padding_side = "left"
        # As `evaluate` decodes: transformers 4 otherwise makes `x!= y` of an answer `x != y`.
        self.tokenizer(processor).clean_up_tokenization_spaces = False
        config = hf_loading.load_config(folder, None, start.dropout)
        auto_class = getattr(transformers, self.auto_class)
        if start.init == "config":
            model = hf_loading.start_model(auto_class, folder, config, start)
        else:
            model = hf_loading.load_weights(auto_class, folder, config, new_head=False)
        if self.packs:
            use_block_attention(model)
        return narrow_head(model), processor

    def encode(self, processor: Any, rows: "Dataset") -> "Dataset":
        """Rows → the columns of `Encoded` and `length`, in their order.

        Raises:
            DataError: rows hold special tokens, cannot be rendered or do not fit; names the first of them.
        """
        return encode_rows(self.encoder(processor), self.learned_conversation, rows, self.image_columns)

    def refused_rows(self, folder: Path, rows: "Dataset") -> Iterator[tuple[int, str]]:
        """Rows that hold special tokens, cannot be rendered or do not fit. Raises `BaseModelError`."""
        encoder = self.encoder(self.load_base_processor(folder))
        encoder.stop_id  # noqa: B018 - an invalid stop token is an error of the base, not of a row
        for number, row in enumerate(rows):
            try:
                encoder.encode(self.learned_conversation(row))
            except DataError as error:
                yield number, str(error)

    def lengths(self, encoded: "Dataset") -> Sequence[int]:
        """Tokens of each example."""
        lengths: Sequence[int] = encoded["length"]
        return lengths

    def collate(self, processor: Any) -> Callable[[list[Mapping[str, Any]]], Batch]:
        """A function from encoded examples to one batch, in which no example attends to another."""
        pad_id = self.tokenizer(processor).pad_token_id

        def collate_batch(examples: list[Mapping[str, Any]]) -> Batch:
            chosen = [Example(example["input_ids"], example["supervised"]) for example in examples]
            images = [image for example in examples for name in self.image_columns for image in example[name]]
            laid_out = pack(chosen) if self.packs else pad(chosen, pad_id)
            return {**laid_out, **self.vision_inputs(processor, images)}

        return collate_batch

    def batch(self, processor: Any, rows: Sequence[Row]) -> Batch:
        """Prompts of raw rows, padded on the left."""
        conversations = [self.conversation(row) for row in rows]
        prompts = list(map(self.encoder(processor).encode_prompt, conversations))
        images = [image for one in conversations for image in one.images]
        padded = chat_report.padded_left(prompts, self.tokenizer(processor).pad_token_id)
        return {**padded, **self.vision_inputs(processor, images)}

    def logits(self, model: Any, batch: Batch) -> "torch.Tensor":
        """Logits of the supervised tokens `[U, V]`, or of the token after each prompt `[B, V]`."""
        logits: torch.Tensor = model(**batch).logits
        return logits if SUPERVISED in batch else logits[:, -1]

    def loss_terms(self, outputs: "Mapping[str, torch.Tensor]", labels: "torch.Tensor") -> LossTerms:
        """One term a supervised token; the first label is none, see `pack`."""
        return LossTerms(outputs["logits"], labels[0, 1:])

    def validation_outputs(
        self, outputs: "Mapping[str, torch.Tensor]", labels: "torch.Tensor"
    ) -> "torch.Tensor":
        """Loss and top-1 hit of each token `[1, 1 + U, 2]`: logits of the vocabulary would not fit memory."""
        return chat_report.losses_and_hits(outputs["logits"], labels)

    def measure(
        self, outputs: "npt.NDArray[np.float32]", labels: "npt.NDArray[np.int64]"
    ) -> dict[str, float]:
        """Mean loss (nats) and share of top-1 hits over all supervised tokens."""
        losses, hits = (outputs[..., place][labels != -100].astype(np.float64) for place in (0, 1))
        return {"nll": float(losses.mean()), "accuracy": float(hits.mean())}

    def fit_report(
        self, processor: Any, splits: "Mapping[str, Dataset]", backbone: BaseSummary
    ) -> dict[str, Any]:
        """Context, vocabulary, rendering, and the lengths of each split. Raises `DataError`."""
        untruncated = self.model_copy(update={"max_length": 1 << 30})
        encoded = {name: untruncated.encode(processor, rows) for name, rows in splits.items()}
        for rows in splits.values():
            self.encode(processor, rows)  # refuses what does not fit
        texts = {name: self.tokenizer_probe_texts(rows) for name, rows in splits.items()}
        encoder = self.encoder(processor)
        return {
            "context": {"base": backbone.context, "declared": self.max_length},
            "vocabulary": {"embedding_rows": backbone.embeddings, "tokenizer": backbone.tokens},
            "rendering": chat_report.template_report(
                encoder.tokenizer, encoder.renderer, self.rendering.today
            ),
            **chat_report.rendering_report(encoder, encoded, texts, self.max_length),
        }

    def describe_fit(self, fit: Mapping[str, Any]) -> Sequence[str]:
        """Lines of Markdown on lengths, unknown tokens and supervised tokens."""
        return tuple(chat_report.describe(fit))

    def memory_probe(self, processor: Any, rows: "Dataset") -> MemoryProbe:
        """The longest of some rows; activations are taken to grow with the tokens."""
        encoded = self.encode(processor, rows.select(range(min(len(rows), PROBE_CANDIDATES))))
        longest = np.argsort(-np.asarray(encoded["length"]), kind="stable")[:PROBE_ROWS]
        batch = dict(self.collate(processor)([encoded[int(row)] for row in longest]))
        del batch["labels"]
        return MemoryProbe(batch, batch["input_ids"].numel(), self.max_length)
