"""What token classification is without a model: words of a row, their tags, and the terms of the loss."""

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, NamedTuple, Self

import numpy as np
import numpy.typing as npt
from pydantic import AfterValidator, StringConstraints, model_validator
from pydantic import Field as Param

from teacherspec.metrics.scores.entity_tags import Entity, Scheme, tag_names, tags_of
from teacherspec.tasks.shared.columns.row_checks import Offsets, OneTagEach, SpansFitText
from teacherspec.tasks.shared.columns.row_schema import RowSchema
from teacherspec.tasks.shared.columns.text import TextColumn
from teacherspec.tasks.shared.columns.token_labels import InvalidTags, SpansColumn, TagsColumn
from teacherspec.tasks.shared.columns.tokens import TokensColumn
from teacherspec.tasks.shared.interfaces.capabilities import LossTerms, SupervisedLoss
from teacherspec.tasks.shared.interfaces.declaration import OutputType
from teacherspec.tasks.shared.interfaces.kind import Kind
from teacherspec.tasks.shared.interfaces.model import Batch, Row
from teacherspec.tasks.shared.label_names import distinct_names
from teacherspec.text.words import word_spans

if TYPE_CHECKING:
    import torch

IGNORE_INDEX = -100

EntityType = Annotated[str, StringConstraints(pattern=r"^\S+$")]
EntityTypes = Annotated[tuple[EntityType, ...], Param(min_length=1), AfterValidator(distinct_names)]


class Words(NamedTuple):
    """The words of a row.

    Attributes:
        text: of the row; of a row of tokens, these with a space between them.
        spans: of characters, one a word.
    """

    text: str
    spans: Sequence[tuple[int, int]]

    def texts(self) -> list[str]:
        """Each word."""
        return [self.text[first:end] for first, end in self.spans]


class FirstSubwords(NamedTuple):
    """Where a model reads the words of a row.

    Attributes:
        words: indices, ascending, of the words that the model reads. Others are cut off at `max_length`, or
            the tokenizer makes nothing of them.
        positions: of the first subword of each of them among the tokens of the row.
    """

    words: Sequence[int]
    positions: Sequence[int]


class TaggingTask(Kind, SupervisedLoss):
    """A kind of the output type `tagging`."""

    output_type: ClassVar[OutputType] = "tagging"
    hub_task: ClassVar[str] = "token-classification"
    selection_metrics: ClassVar[Mapping[str, bool]] = {"nll": False, "accuracy": True, "f1": True}

    rows: Literal["spans", "tokens"] = "spans"
    """How a row is given. `spans`: a `text`, and `spans` of its characters as `[start, end, type]` or as
    objects with `start`, `end` and `label`. `tokens`: a list of `tokens`, and `tags` with one for each, as in
    CoNLL files."""

    entity_types: EntityTypes
    """Types of the entities, in the order of the logits."""

    scheme: Scheme = "bio"
    """Tags that the model gives, and those of the rows where they hold tags: `bio` (`B-X`, `I-X`, `O`) or
    `bilou` (also `L-X` for the last token of an entity and `U-X` for an entity of one token)."""

    invalid_tags: InvalidTags = "refuse"
    """What is done with tags that the scheme does not allow, such as `I-X` without `B-X`: `refuse` the row,
    or `repair` it, by which a run of one type is an entity; that also reads the older scheme IOB1."""

    offsets: Offsets = "characters"
    """What start and end of spans count: `characters` (Unicode code points, as Python does), or `utf16_units`
    as programs in JavaScript and Java do."""

    @model_validator(mode="after")
    def _options_fit_the_rows(self) -> Self:
        unused = ("offsets",) if self.rows == "tokens" else ("invalid_tags",)
        for name in unused:
            if getattr(self, name) != type(self).model_fields[name].default:
                other = "spans" if self.rows == "tokens" else "tokens"
                raise ValueError(f"{name} is for rows: {other}: drop it")
        return self

    @property
    def tags(self) -> tuple[str, ...]:
        """The tags in the order of the logits."""
        return tag_names(self.entity_types, self.scheme)

    def row_schema(self) -> RowSchema:
        """A text with spans, or tokens with tags."""
        if self.rows == "spans":
            spans = SpansColumn("spans", self.entity_types, self.scheme)
            checks = (SpansFitText(self.offsets),)
            return RowSchema((TextColumn("text"),), label_details=(spans,), checks=checks)
        tags = TagsColumn("tags", self.entity_types, self.scheme, self.invalid_tags)
        return RowSchema((TokensColumn("tokens"),), label_details=(tags,), checks=(OneTagEach(),))

    def words(self, row: Row) -> Words:
        """The words of a row: those of its text, or its tokens."""
        if self.rows == "spans":
            return Words(row["text"], word_spans(row["text"]))
        ends = np.cumsum([len(token) + 1 for token in row["tokens"]]) - 1
        starts = [end - len(token) for end, token in zip(ends.tolist(), row["tokens"], strict=True)]
        return Words(" ".join(row["tokens"]), list(zip(starts, ends.tolist(), strict=True)))

    def word_tags(self, row: Row) -> list[int] | None:
        """Index of the tag of each word; None where nobody labelled the row."""
        if row.get("spans" if self.rows == "spans" else "tags") is None:
            return None
        index = {name: at for at, name in enumerate(self.tags)}
        if self.rows == "tokens":
            return [index[tag] for tag in row["tags"]]
        spans = self.words(row).spans
        starts = {first: at for at, (first, _) in enumerate(spans)}
        ends = {end: at + 1 for at, (_, end) in enumerate(spans)}
        found = [Entity(starts[one["start"]], ends[one["end"]], one["label"]) for one in row["spans"]]
        return [index[tag] for tag in tags_of(found, len(spans), self.scheme)]

    @abstractmethod
    def first_subwords(self, processor: Any, rows: Sequence[Row]) -> Sequence[FirstSubwords]:
        """Where the model reads the words of each row, in `batch` of these rows."""

    @abstractmethod
    def token_features(self, model: Any, batch: Batch) -> "torch.Tensor":
        """Features `[B, L, H]` of the tokens of a batch without labels, by the frozen backbone."""

    def loss_terms(self, outputs: "Mapping[str, torch.Tensor]", labels: "torch.Tensor") -> LossTerms:
        """One term a token; only the first subword of each word has a label."""
        logits = outputs["logits"]
        return LossTerms(logits.reshape(-1, logits.shape[-1]), labels.reshape(-1))

    def measure(
        self, outputs: "npt.NDArray[np.float32]", labels: "npt.NDArray[np.int64]"
    ) -> dict[str, float]:
        """NLL (nats) and accuracy over words, F1 of entities, from logits `[N, L, C]` and labels `[N, L]`."""
        # Imported here: every entrypoint imports this module with the declaration.
        from teacherspec.metrics.scores.entity_scores import count_entities, f1_of
        from teacherspec.metrics.scores.proper_scores import nll
        from teacherspec.metrics.scores.softmax import top_label

        labelled = labels != IGNORE_INDEX
        logits, right = outputs[labelled], labels[labelled]
        predicted = top_label(logits)
        counts = count_entities(labelled.sum(axis=1), right, predicted, self.tags)
        return {
            "nll": nll(logits, right),
            "accuracy": float((predicted == right).mean()),
            "f1": float(f1_of(counts.sum(axis=(0, 1)))),
        }
