"""What kinds of pairs of texts share: an encoder reads both together, as one input of two parts."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from hashlib import blake2b
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, Self

from pydantic import Field as Param
from pydantic import StringConstraints, model_validator

from teacherspec.spec.augmentation import Augmentation
from teacherspec.tasks.shared.columns.base import Column
from teacherspec.tasks.shared.columns.row_schema import PairOrder, RowSchema
from teacherspec.tasks.shared.columns.text import TextColumn
from teacherspec.tasks.shared.interfaces.packaging import UsageSnippet
from teacherspec.tasks.shared.text_encoder_task import ROWS_AT_ONCE, TextEncoderTask

if TYPE_CHECKING:
    import torch
    from datasets import Dataset
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

ColumnName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z][A-Za-z0-9_]{0,63}$")]

RESERVED = frozenset(
    {"id", "fold", "label", "labels", "length", "score", "weight", "label_votes", "label_probs"}
)
"""Columns that are no text, in prepared rows or among the inputs of a model."""

SEGMENTS = "token_type_ids"
"""Input that numbers the text of each token, 0 or 1, where a base distinguishes them in this way."""

TOO_SHORT = "Sequence to truncate too short"
"""What the library of tokenizers says where the text to be cut is shorter than what is to be cut off."""


class TextPairTask(TextEncoderTask):
    """A kind whose rows are two texts, such as premise and hypothesis or question and passage."""

    texts: tuple[ColumnName, ColumnName] = ("text", "text_pair")
    """Names of the two columns, in the order in which the model reads them. Rows whose first text is the same
    stay in one split, unless `prepare.group` names another column to group by."""

    max_length: int = Param(default=128, ge=8, le=131_072)
    """Longest input in tokens: both texts and the special tokens. What is longer is cut and counted."""

    truncation: Literal["longest_first", "only_first", "only_second"] = "longest_first"
    """Which text is cut at its end where both are too long together: whichever is longer, token by token, or
    always the same one. Rows whose other text leaves no token to that one are then refused by `base`."""

    symmetric: bool = False
    """Whether the order of the texts means nothing: training then draws it anew for each row and epoch, rows
    that differ in it alone are duplicates, and `swap` is among the perturbations of `evaluate`."""

    @model_validator(mode="after")
    def _columns_are_two(self) -> Self:
        first, second = self.texts
        if first == second:
            raise ValueError(f"texts: both columns are called {first}: name two")
        if taken := sorted(RESERVED & set(self.texts)):
            raise ValueError(
                f"texts: {' and '.join(taken)} names no text of a row (reserved: "
                f"{', '.join(sorted(RESERVED))}); choose another name, and map it to the column of the file "
                "in `columns` of the source"
            )
        return self

    def text_columns(self) -> tuple[str, ...]:
        """Both texts."""
        return self.texts

    def text_content(self) -> tuple[Column, ...]:
        """The columns of the content."""
        return tuple(TextColumn(name) for name in self.texts)

    def paired(self, schema: RowSchema) -> RowSchema:
        """The schema of rows whose content is the pair."""
        order: PairOrder = "either" if self.symmetric else "fixed"
        return replace(schema, pair_order=order)

    def tokenize(
        self, tokenizer: "PreTrainedTokenizerBase", columns: Mapping[str, Sequence[Any]], *, padded: bool
    ) -> Any:
        """Pairs of some rows, given by column, as tokens cut as declared: lists, or tensors where padded.

        A text that is not to be cut and alone exceeds the longest input is cut all the same: `base` refuses
        such rows, but a perturbation may make one, and a request may hold one.
        """
        first, second = (list(columns[name]) for name in self.texts)
        try:
            return tokenizer(
                first,
                second,
                truncation=self.truncation,
                max_length=self.max_length,
                padding=padded,
                return_tensors="pt" if padded else None,
            )
        except Exception as error:
            if TOO_SHORT not in str(error):
                raise
        # One by one, so that what a row becomes does not depend on the other rows of its batch.
        examples = [self._cut(tokenizer, *pair) for pair in zip(first, second, strict=True)]
        joined = {name: [example[name] for example in examples] for name in examples[0]}
        return tokenizer.pad(joined, padding=True, return_tensors="pt") if padded else joined

    def _cut(self, tokenizer: "PreTrainedTokenizerBase", first: str, second: str) -> Any:
        try:
            return tokenizer(first, second, truncation=self.truncation, max_length=self.max_length)
        except Exception as error:
            if TOO_SHORT not in str(error):
                raise
        return tokenizer(first, second, truncation="longest_first", max_length=self.max_length)

    def refused_rows(self, folder: Path, rows: "Dataset") -> Iterator[tuple[int, str]]:
        """Rows whose text that is not to be cut leaves no token to the other one."""
        if self.truncation == "longest_first":
            return
        cut, whole = self.texts if self.truncation == "only_first" else self.texts[::-1]
        tokenizer = self._load_tokenizer(folder)
        most = self.max_length - tokenizer.num_special_tokens_to_add(pair=True) - 1
        for start in range(0, len(rows), ROWS_AT_ONCE):
            texts = rows[whole][start : start + ROWS_AT_ONCE]
            for place, ids in enumerate(tokenizer(texts, add_special_tokens=False)["input_ids"]):
                if len(ids) > most:
                    yield (
                        start + place,
                        (
                            f"{whole}: has {len(ids)} tokens, and {cut} alone is cut (allowed: {most}, of "
                            f"task.max_length {self.max_length}); raise task.max_length, or declare "
                            "task.truncation: longest_first"
                        ),
                    )

    def encode_training(
        self,
        processor: Any,
        rows: "Dataset",
        label_names: Sequence[str],
        augmentation: Augmentation | None,
        seed: int,
    ) -> Any:
        """The pairs; where their order means nothing, in one that is drawn for each row and epoch."""
        encoded = self.encode(processor, rows)
        if not self.symmetric:
            return encoded
        first, second = self.texts
        swapped = self.model_copy(update={"texts": (second, first)}).encode(processor, rows)
        return PairsInEitherOrder(encoded, swapped, rows["id"][:], seed)

    def features(self, model: "PreTrainedModel", batch: "Mapping[str, torch.Tensor]") -> "torch.Tensor":
        """Frozen features: `[u, v, |u - v|, u * v]`, `[B, 4 H]`, of both texts' means `u` and `v` `[B, H]`.

        Conneau et al. 2017 (arXiv 1705.02364). Each text goes through the backbone alone, as the base was
        trained to embed it. Of a base that does not number the texts of its input, the mean over both.
        """
        import torch

        if SEGMENTS not in batch:
            return super().features(model, batch)
        first, second = (super(TextPairTask, self).features(model, part) for part in separated(batch))
        return torch.cat([first, second, (first - second).abs(), first * second], dim=1)

    def layer_features(self, model: "PreTrainedModel", batch: "Mapping[str, torch.Tensor]") -> "torch.Tensor":
        """The features of the last layer alone."""
        return self.features(model, batch).unsqueeze(1)

    def pair_snippet(self) -> UsageSnippet:
        """Logits of a pair."""
        return UsageSnippet(
            "import torch\nfrom transformers import AutoModelForSequenceClassification, AutoTokenizer\n",
            (
                'tokenizer = AutoTokenizer.from_pretrained("model")\n'
                'model = AutoModelForSequenceClassification.from_pretrained("model").eval()\n'
                'pairs = (["the first text"], ["the second text"])\n'
                f'cut = {{"truncation": "{self.truncation}", "padding": True, "return_tensors": "pt"}}\n'
                "batch = tokenizer(*pairs, **cut)\n"
                "with torch.inference_mode():\n"
                "    logits = model(**batch).logits\n"
            ),
        )


def separated(
    batch: "Mapping[str, torch.Tensor]",
) -> "tuple[dict[str, torch.Tensor], dict[str, torch.Tensor]]":
    """The two texts of each pair as batches of their own, each with the token that begins the input.

    Args:
        batch: `input_ids`, `attention_mask` and `token_type_ids`, each `[B, L]`.
    """
    import torch

    ids, real, segment = batch["input_ids"], batch["attention_mask"].bool(), batch[SEGMENTS]
    begins = real & (real.cumsum(1) == 1)
    parts = []
    for number in (0, 1):
        own = begins | (real & (segment == number))
        # A stable sort moves the tokens of the text to the front in their order, and all others behind them.
        order = torch.argsort((~own).to(torch.int8), dim=1, stable=True)[:, : int(own.sum(1).max())]
        mask = own.gather(1, order)
        parts.append(
            {
                "input_ids": ids.gather(1, order),
                "attention_mask": mask.to(batch["attention_mask"].dtype),
                SEGMENTS: torch.zeros_like(order),
            }
        )
    return parts[0], parts[1]


class PairsInEitherOrder:
    """Encoded pairs, each in the order that is drawn for it; seed, id and epoch decide."""

    def __init__(self, given: "Dataset", swapped: "Dataset", ids: Sequence[str], seed: int) -> None:
        """For N pairs, encoded in both orders."""
        self.given, self.swapped, self.ids, self.seed = given, swapped, ids, seed
        self.set_epoch(0)

    def set_epoch(self, epoch: int) -> None:
        """Draw for this epoch from now on."""
        self._swaps = [swaps(self.seed, epoch, row_id) for row_id in self.ids]

    def __len__(self) -> int:
        return len(self.given)

    def __getitem__(self, index: int | str) -> Any:
        """One example; or a column of all, in the order in which they were given."""
        if isinstance(index, str):
            return self.given[index]
        return (self.swapped if self._swaps[index] else self.given)[index]


def swaps(seed: int, epoch: int, row_id: str) -> bool:
    """Whether a row's texts change places, as often as not."""
    return bool(blake2b(f"{seed}\0{epoch}\0{row_id}".encode(), digest_size=1).digest()[0] & 1)
