"""Token classification: entities in texts, by a tag for each word.

A row as `prepare` stores it: `{"id": "lg-0001", "text": "where is LX-4417?", "spans": [{"start": 9, "end":
16, "label": "ORDER"}]}`, or `{"tokens": ["where", "is", "LX-4417", "?"], "tags": ["O", "O", "B-ORDER",
"O"]}`.

A word gets its tag from its first subword; the others have no label (Devlin et al. 2019, section 5.3).
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from pydantic import Field as Param

from teacherspec.errors import BaseModelError
from teacherspec.tasks.shared import hf_loading
from teacherspec.tasks.shared.interfaces.base_fit import BaseSummary, MemoryProbe
from teacherspec.tasks.shared.interfaces.model import ModelInit, Row
from teacherspec.tasks.shared.interfaces.packaging import UsageSnippet
from teacherspec.tasks.shared.longest_texts import TOKENS, longest_texts
from teacherspec.tasks.shared.map_rows import map_rows
from teacherspec.tasks.shared.processor_probe import probe_texts
from teacherspec.tasks.shared.tagging_task import (
    IGNORE_INDEX,
    FirstSubwords,
    TaggingTask,
)
from teacherspec.tasks.shared.text_report import (
    count_unknown,
    describe_lengths,
    length_report,
    refuse_longer,
)

if TYPE_CHECKING:
    import torch
    from datasets import Dataset
    from transformers import BatchEncoding, PreTrainedModel, PreTrainedTokenizerBase

ROWS_AT_ONCE = 10_000
"""Rows that are tokenised together for their lengths; the tokens are not kept."""

ONLY_HERE = ("labels", "length", "words")
"""Columns of encoded rows that are no inputs of the model."""


class TokenClassification(TaggingTask):
    """Find the entities of a text."""

    kind: Literal["token_classification"]
    """The kind of task; also the name of the module that implements it."""

    max_length: int = Param(default=128, ge=8, le=131_072)
    """Longest input in tokens, special tokens included; of longer texts the end is cut off, and its entities
    count as missed."""

    auto_class: ClassVar[str] = "AutoModelForTokenClassification"

    def tokenizer_probe_texts(self, rows: "Dataset") -> list[str]:
        """The texts."""
        return [self.words(row).text for row in rows]

    def probe_processor(self, folder: Path, rows: "Dataset") -> Iterator[str]:
        """Every text through the tokenizer."""
        return probe_texts(folder, rows, self.tokenizer_probe_texts)

    def check_base(self, folder: Path, backbone: BaseSummary) -> None:
        """Refuse a `max_length` beyond the base's context. Raises `BaseModelError`."""
        refuse_longer(self.max_length, folder, backbone)

    def refused_rows(self, folder: Path, rows: "Dataset") -> Iterator[tuple[int, str]]:
        """Rows of which the base's tokenizer reads no word. Raises `BaseModelError`."""
        tokenizer = self._load_tokenizer(folder)
        for first in range(0, len(rows), ROWS_AT_ONCE):
            part = [dict(row) for row in rows.select(range(first, min(first + ROWS_AT_ONCE, len(rows))))]
            for at, found in enumerate(self.first_subwords(tokenizer, part)):
                if not found.words:
                    yield first + at, "the base's tokenizer reads no word of it; take the row out"

    def load_base(
        self, folder: Path, label_names: Sequence[str], start: ModelInit
    ) -> "tuple[PreTrainedModel, PreTrainedTokenizerBase]":
        """A base with a new head of one output a tag, float32, and its tokenizer.

        New parameters are drawn from torch's global generator: seed it before. Raises `BaseModelError`.
        """
        import transformers

        tokenizer = self._load_tokenizer(folder)
        config = hf_loading.load_config(folder, label_names, start.dropout)
        config.pad_token_id = tokenizer.pad_token_id
        auto_class = getattr(transformers, self.auto_class)
        return hf_loading.start_model(auto_class, folder, config, start), tokenizer

    def load(self, folder: Path) -> "tuple[PreTrainedModel, PreTrainedTokenizerBase]":
        """A fine-tuned model as saved, with its own head, and its tokenizer. Raises `BaseModelError`."""
        import transformers

        config = hf_loading.load_config(folder, None, None)
        auto_class = getattr(transformers, self.auto_class)
        model = hf_loading.load_weights(auto_class, folder, config, new_head=False)
        return model, self._load_tokenizer(folder)

    def _load_tokenizer(self, folder: Path) -> "PreTrainedTokenizerBase":
        """The tokenizer, which knows of each token which word it is of, padding and cutting at the end.

        By default byte-level ones take a word without a space before it for the rest of another.
        """
        tokenizer = hf_loading.load_tokenizer(folder, self.max_length, split_into_words=True)
        if not tokenizer.is_fast:
            raise BaseModelError(
                f"{folder}: {type(tokenizer).__name__} does not know which word a token is of; choose a base "
                "with a tokenizer.json"
            )
        tokenizer.padding_side = type(tokenizer).padding_side
        tokenizer.truncation_side = "right"
        return tokenizer

    def _tokenised(
        self, tokenizer: "PreTrainedTokenizerBase", rows: Sequence[Row], padding: bool
    ) -> "BatchEncoding":
        return tokenizer(
            [self.words(row).texts() for row in rows],
            is_split_into_words=True,
            truncation=True,
            max_length=self.max_length,
            padding=padding,
        )

    def first_subwords(
        self, processor: "PreTrainedTokenizerBase", rows: Sequence[Row]
    ) -> Sequence[FirstSubwords]:
        """Where the model reads the words of each row, in `batch` of these rows."""
        encoded = self._tokenised(processor, rows, padding=True)
        return [_first_subwords(encoded.word_ids(at)) for at in range(len(rows))]

    def encode(self, tokenizer: "PreTrainedTokenizerBase", rows: "Dataset") -> "Dataset":
        """Rows → model inputs, `labels`, `words` and `length` (tokens), in the order of the rows.

        `labels` holds the tag at the first subword of each word that the model reads, 0 where nobody labelled
        the row, and -100 elsewhere; `words` the index of each of these words.
        """

        def encode_batch(batch: dict[str, list[Any]]) -> dict[str, list[Any]]:
            part = [dict(zip(batch, values, strict=True)) for values in zip(*batch.values(), strict=True)]
            inputs = self._tokenised(tokenizer, part, padding=False)
            words, labels = [], []
            for at, row in enumerate(part):
                found = _first_subwords(inputs.word_ids(at))
                tags = self.word_tags(row)
                own = [IGNORE_INDEX] * len(inputs["input_ids"][at])
                for word, position in zip(*found, strict=True):
                    own[position] = 0 if tags is None else tags[word]
                words.append(list(found.words))
                labels.append(own)
            length = [len(ids) for ids in inputs["input_ids"]]
            return {**inputs, "labels": labels, "words": words, "length": length}

        return map_rows(rows, encode_batch, batched=True)

    def collate(
        self, tokenizer: "PreTrainedTokenizerBase"
    ) -> "Callable[[list[Mapping[str, Any]]], Mapping[str, torch.Tensor]]":
        """A function from encoded examples to one batch, padded to its longest."""

        def collate_batch(examples: list[Mapping[str, Any]]) -> "Mapping[str, torch.Tensor]":
            import torch

            inputs = [{k: v for k, v in example.items() if k not in ONLY_HERE} for example in examples]
            batch = dict(tokenizer.pad(inputs, padding=True, return_tensors="pt"))
            labels = torch.full(batch["input_ids"].shape, IGNORE_INDEX)
            for at, example in enumerate(examples):
                own = torch.tensor(example["labels"])
                if tokenizer.padding_side == "right":
                    labels[at, : len(own)] = own
                else:
                    labels[at, -len(own) :] = own
            return {**batch, "labels": labels}

        return collate_batch

    def batch(
        self, tokenizer: "PreTrainedTokenizerBase", rows: Sequence[Row]
    ) -> "Mapping[str, torch.Tensor]":
        """Raw rows → model inputs as one padded batch."""
        tensors: Mapping[str, torch.Tensor] = self._tokenised(
            tokenizer, rows, padding=True
        ).convert_to_tensors("pt")
        return tensors

    def lengths(self, encoded: "Dataset") -> Sequence[int]:
        """Tokens of each example."""
        lengths: Sequence[int] = encoded["length"][:]
        return lengths

    def row_lengths(self, tokenizer: "PreTrainedTokenizerBase", rows: Sequence[Row]) -> Sequence[int] | None:
        """Tokens of each row."""
        if not rows:
            return []
        return [len(ids) for ids in self._tokenised(tokenizer, rows, padding=False)["input_ids"]]

    def fit_report(
        self, processor: "PreTrainedTokenizerBase", splits: "Mapping[str, Dataset]", backbone: BaseSummary
    ) -> dict[str, Any]:
        """Context, vocabulary, lengths without truncation, and how many words of each split are not read."""
        untruncated = self.model_copy(update={"max_length": 1 << 30})
        data = {}
        for name, rows in splits.items():
            lengths: list[int] = []
            unknown = words = read = beyond = 0
            for first in range(0, len(rows), ROWS_AT_ONCE):
                part = [dict(row) for row in rows.select(range(first, min(first + ROWS_AT_ONCE, len(rows))))]
                encoded = untruncated._tokenised(processor, part, padding=False)
                lengths += [len(ids) for ids in encoded["input_ids"]]
                unknown += count_unknown(processor.unk_token_id, encoded["input_ids"])
                words += sum(len(self.words(row).spans) for row in part)
                whole = sum(len(_first_subwords(encoded.word_ids(at)).words) for at in range(len(part)))
                read += sum(len(found.words) for found in self.first_subwords(processor, part))
                beyond += whole
            report = length_report(lengths, self.max_length, unknown)
            data[name] = report | {"words": words, "words_cut": beyond - read, "words_lost": words - beyond}
        return {
            "context": {"base": backbone.context, "declared": self.max_length},
            "vocabulary": {"embedding_rows": backbone.embeddings, "tokenizer": backbone.tokens},
            "data": data,
        }

    def describe_fit(self, fit: Mapping[str, Any]) -> Sequence[str]:
        """Lines of Markdown on lengths, unknown tokens, and words that are not read."""
        lines = [*describe_lengths(fit)]
        for name, data in fit["data"].items():
            if data["words_cut"] or data["words_lost"]:
                lines.append(
                    f"- of {data['words']} words of {name}, {data['words_cut']} are cut off (raise "
                    f"task.max_length) and the tokenizer makes nothing of {data['words_lost']}; entities in "
                    "them are missed.\n"
                )
        return tuple(lines)

    def memory_probe(self, processor: "PreTrainedTokenizerBase", rows: "Dataset") -> MemoryProbe:
        """The longest of some rows; activations are taken to grow with the padded tokens."""
        short = self.model_copy(update={"max_length": min(self.max_length, TOKENS)})
        return longest_texts(
            rows, lambda some: short.encode(processor, some), self.collate(processor), self.max_length
        )

    def usage_snippet(self) -> UsageSnippet:
        """Logits of the tokens of a text."""
        return UsageSnippet(
            "import torch\nfrom transformers import AutoModelForTokenClassification, AutoTokenizer\n",
            (
                'tokenizer = AutoTokenizer.from_pretrained("model")\n'
                'model = AutoModelForTokenClassification.from_pretrained("model").eval()\n'
                'words = ["a", "text", "in", "words"]\n'
                'batch = tokenizer([words], is_split_into_words=True, truncation=True, return_tensors="pt")\n'
                "with torch.inference_mode():\n"
                "    logits = model(**batch).logits  # of each token; word i has those of its first one\n"
            ),
        )

    def token_features(self, model: "PreTrainedModel", batch: "Mapping[str, torch.Tensor]") -> "torch.Tensor":
        """The backbone's last hidden states `[B, L, H]`."""
        hidden: torch.Tensor = model.base_model(**batch).last_hidden_state
        return hidden


def _first_subwords(word_ids: Sequence[int | None]) -> FirstSubwords:
    """The first position of each word among the tokens of a row; special tokens have no word."""
    first: dict[int, int] = {}
    for position, word in enumerate(word_ids):
        if word is not None:
            first.setdefault(word, position)
    return FirstSubwords(tuple(first), tuple(first.values()))
