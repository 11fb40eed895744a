"""What all kinds share whose model is an encoder with a new head that reads the text of a row as tokens."""

from abc import abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from teacherspec.tasks.shared import hf_loading
from teacherspec.tasks.shared.interfaces.base_fit import BaseSummary, MemoryProbe
from teacherspec.tasks.shared.interfaces.capabilities import FrozenFeatures
from teacherspec.tasks.shared.interfaces.kind import Kind
from teacherspec.tasks.shared.interfaces.model import ModelInit
from teacherspec.tasks.shared.longest_texts import TOKENS, longest_texts
from teacherspec.tasks.shared.map_rows import map_rows
from teacherspec.tasks.shared.mean_pooling import append_mean_pooling
from teacherspec.tasks.shared.processor_probe import probe_texts
from teacherspec.tasks.shared.text_report import (
    count_unknown,
    describe_lengths,
    length_report,
    refuse_longer,
)

if TYPE_CHECKING:
    import torch
    from datasets import Dataset
    from transformers import PreTrainedModel, PreTrainedTokenizerBase


ROWS_AT_ONCE = 10_000
"""Texts that are tokenised together for their lengths; the tokens are not kept."""

ROWS_OF_A_BATCH = 256
"""Rows that are padded together for their lengths."""


class TextEncoderTask(Kind, FrozenFeatures):
    """A kind whose rows are texts, read by an encoder with a new head."""

    if TYPE_CHECKING:
        max_length: int

    problem_type: ClassVar[str]
    """What transformers calls tasks of such heads, such as `single_label_classification`."""

    @abstractmethod
    def text_columns(self) -> tuple[str, ...]:
        """Columns of a row that the tokenizer reads, in their order."""

    def tokenize(
        self, tokenizer: "PreTrainedTokenizerBase", columns: Mapping[str, Sequence[Any]], *, padded: bool
    ) -> Any:
        """Texts of some rows, given by column, as tokens cut at the end: lists, or tensors where padded."""
        texts = [columns[name] for name in self.text_columns()]
        return tokenizer(
            *texts,
            truncation=True,
            max_length=self.max_length,
            padding=padded,
            return_tensors="pt" if padded else None,
        )

    def given_labels(self, rows: Mapping[str, Any]) -> Any:
        """What is given of the labels of a batch of rows, for the model input `labels`."""
        return rows["label"]

    def tokenizer_probe_texts(self, rows: "Dataset") -> list[str]:
        """The texts."""
        return [value for row in rows for value in row.values() if isinstance(value, str)]

    def probe_processor(self, folder: Path, rows: "Dataset") -> Iterator[str]:
        """Every text through the tokenizer."""
        return probe_texts(folder, rows, self.tokenizer_probe_texts)

    def check_base(self, folder: Path, backbone: BaseSummary) -> None:
        """Refuse a `max_length` beyond the base's context. Raises `BaseModelError`."""
        refuse_longer(self.max_length, folder, backbone)

    def load_base(
        self, folder: Path, label_names: Sequence[str], start: ModelInit
    ) -> "tuple[PreTrainedModel, PreTrainedTokenizerBase]":
        """A base with a new head of `len(label_names)` outputs, float32, and its tokenizer.

        New parameters are drawn from torch's global generator: seed it before. Raises `BaseModelError`.
        """
        from transformers import AutoModelForSequenceClassification

        tokenizer = self._load_tokenizer(folder)
        config = hf_loading.load_config(folder, label_names, start.dropout)
        config.problem_type = self.problem_type
        config.pad_token_id = tokenizer.pad_token_id
        model = hf_loading.start_model(AutoModelForSequenceClassification, folder, config, start)
        if start.pooling == "mean":
            append_mean_pooling(model)
        return model, tokenizer

    def load(self, folder: Path) -> "tuple[PreTrainedModel, PreTrainedTokenizerBase]":
        """A fine-tuned model as saved, with its own head, and its tokenizer. Raises `BaseModelError`."""
        from transformers import AutoModelForSequenceClassification

        config = hf_loading.load_config(folder, None, None)
        model = hf_loading.load_weights(AutoModelForSequenceClassification, folder, config, new_head=False)
        return model, self._load_tokenizer(folder)

    def _load_tokenizer(self, folder: Path) -> "PreTrainedTokenizerBase":
        """The tokenizer, padding where its class does and cutting at the end, whatever its settings say.

        Padding on the left, as many save it who generate with the base, moves the positions of a model with
        absolute ones: the logits of a text would depend on the longest text of its batch.
        """
        tokenizer = hf_loading.load_tokenizer(folder, self.max_length)
        tokenizer.padding_side = type(tokenizer).padding_side
        tokenizer.truncation_side = "right"
        return tokenizer

    def encode(self, tokenizer: "PreTrainedTokenizerBase", rows: "Dataset") -> "Dataset":
        """Rows → model inputs, `labels` and `length` (tokens), in the order of the rows."""

        def encode_batch(batch: dict[str, list[Any]]) -> dict[str, list[Any]]:
            inputs = self.tokenize(tokenizer, batch, padded=False)
            return {
                **inputs,
                "labels": self.given_labels(batch),
                "length": [len(ids) for ids in inputs["input_ids"]],
            }

        return map_rows(rows, encode_batch, batched=True)

    def collate(
        self, tokenizer: "PreTrainedTokenizerBase"
    ) -> "Callable[[list[Mapping[str, Any]]], Mapping[str, torch.Tensor]]":
        """A function from encoded examples to one batch, padded to its longest."""

        def collate_batch(examples: list[Mapping[str, Any]]) -> "Mapping[str, torch.Tensor]":
            inputs = [{k: v for k, v in example.items() if k != "length"} for example in examples]
            batch: Mapping[str, torch.Tensor] = tokenizer.pad(inputs, padding=True, return_tensors="pt")
            return batch

        return collate_batch

    def batch(
        self, tokenizer: "PreTrainedTokenizerBase", rows: Sequence[Mapping[str, Any]]
    ) -> "Mapping[str, torch.Tensor]":
        """Raw rows → model inputs as one padded batch."""
        columns = {name: [row[name] for row in rows] for name in self.text_columns()}
        batch: Mapping[str, torch.Tensor] = self.tokenize(tokenizer, columns, padded=True)
        return batch

    def lengths(self, encoded: "Dataset") -> Sequence[int]:
        """Tokens of each example."""
        lengths: Sequence[int] = encoded["length"][:]
        return lengths

    def row_lengths(
        self, tokenizer: "PreTrainedTokenizerBase", rows: Sequence[Mapping[str, Any]]
    ) -> Sequence[int] | None:
        """Tokens of each row, as `batch` encodes it: a kind derived from this one may do so otherwise."""
        lengths: list[int] = []
        for first in range(0, len(rows), ROWS_OF_A_BATCH):
            batch = self.batch(tokenizer, rows[first : first + ROWS_OF_A_BATCH])
            lengths += batch["attention_mask"].sum(dim=1).tolist()
        return lengths

    def fit_report(
        self, processor: "PreTrainedTokenizerBase", splits: "Mapping[str, Dataset]", backbone: BaseSummary
    ) -> dict[str, Any]:
        """Context, vocabulary, and the lengths of each split, tokenised without truncation."""
        untruncated = self.model_copy(update={"max_length": 1 << 30})
        data = {}
        for name, rows in splits.items():
            lengths: list[int] = []
            unknown = 0
            for first in range(0, len(rows), ROWS_AT_ONCE):
                part = rows.select(range(first, min(first + ROWS_AT_ONCE, len(rows))))
                encoded = untruncated.encode(processor, part)
                lengths += encoded["length"][:]
                unknown += count_unknown(processor.unk_token_id, encoded["input_ids"])
            data[name] = length_report(lengths, self.max_length, unknown)
        return {
            "context": {"base": backbone.context, "declared": self.max_length},
            "vocabulary": {"embedding_rows": backbone.embeddings, "tokenizer": backbone.tokens},
            "data": data,
        }

    def describe_fit(self, fit: Mapping[str, Any]) -> Sequence[str]:
        """Lines of Markdown on lengths and unknown tokens."""
        return tuple(describe_lengths(fit))

    def memory_probe(self, processor: "PreTrainedTokenizerBase", rows: "Dataset") -> MemoryProbe:
        """The longest of some rows; activations are taken to grow with the padded tokens."""
        short = self.model_copy(update={"max_length": min(self.max_length, TOKENS)})
        return longest_texts(
            rows, lambda some: short.encode(processor, some), self.collate(processor), self.max_length
        )

    def features(self, model: "PreTrainedModel", batch: "Mapping[str, torch.Tensor]") -> "torch.Tensor":
        """Frozen features `[B, H]`: the mean of the backbone's last hidden states over real tokens."""
        inputs = {key: value for key, value in batch.items() if key != "labels"}
        hidden = model.base_model(**inputs).last_hidden_state
        return hf_loading.mean_pool(hidden, batch["attention_mask"])

    def layer_features(self, model: "PreTrainedModel", batch: "Mapping[str, torch.Tensor]") -> "torch.Tensor":
        """Means over real tokens of the embeddings and of every layer's hidden states, `[B, L, H]`."""
        import torch

        inputs = {key: value for key, value in batch.items() if key != "labels"}
        outputs = model.base_model(**inputs, output_hidden_states=True)
        layers = (*outputs.hidden_states[:-1], outputs.last_hidden_state)  # the last one normalised
        pooled = [hf_loading.mean_pool(hidden, batch["attention_mask"]) for hidden in layers]
        return torch.stack([part for part in pooled if part.shape == pooled[-1].shape], dim=1)
