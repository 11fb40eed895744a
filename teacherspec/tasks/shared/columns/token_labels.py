"""Columns that label the tokens of a row: a tag for each, or entities as spans of characters."""

from abc import abstractmethod
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from teacherspec.metrics.scores.entity_tags import (
    Scheme,
    entities,
    invalid,
    repaired,
    tag_names,
)
from teacherspec.tasks.shared.columns.base import ColumnError, LabelDetail, nearest, shown
from teacherspec.tasks.shared.columns.tokens import refuse

if TYPE_CHECKING:
    import pyarrow as pa

InvalidTags = Literal["refuse", "repair"]
SPAN_FORMS = "[start, end, type] or an object with start, end and label"


@dataclass(frozen=True)
class TokenLabelsColumn(LabelDetail):
    """The entities of a row.

    Attributes:
        types: of the entities, as declared.
        scheme: of the tags that a model is trained to give.
    """

    types: Sequence[str]
    scheme: Scheme = "bio"

    @property
    def label_names(self) -> tuple[str, ...]:
        """The tags in the order of the logits."""
        return tag_names(self.types, self.scheme)

    @abstractmethod
    def types_in(self, value: Any) -> list[str]:
        """The type of each entity of a stored value."""

    def measures(self, parts: "Iterable[pa.ChunkedArray]") -> dict[str, float]:
        """Rows, rows with an entity, entities, and those of each type."""
        rows = with_entity = 0
        counts: Counter[str] = Counter()
        for part in parts:
            for value in part.to_pylist():
                found = self.types_in(value)
                rows += 1
                with_entity += bool(found)
                counts.update(found)
        by_type = {f"of type {name}": counts[name] for name in self.types}
        return {"rows": rows, "rows_with_entities": with_entity, "entities": counts.total(), **by_type}

    def problem(self, measures: Mapping[str, float]) -> str | None:
        """No entity at all, of which nothing can be learned or measured."""
        if measures["entities"]:
            return None
        return f"no row holds an entity ({', '.join(self.types)}); add rows with some"


@dataclass(frozen=True)
class TagsColumn(TokenLabelsColumn):
    """A tag for each token, in the declared scheme.

    Attributes:
        invalid_tags: whether sequences that the scheme does not allow are refused or repaired.
    """

    invalid_tags: InvalidTags = "refuse"

    def read(self, value: Any) -> list[str]:
        """The tags, repaired where that is declared. Raises `ColumnError`."""
        tags = self._known(value)
        if self.invalid_tags == "repair":
            return repaired(tags, self.scheme)
        problems = [f"token {at + 1}: {what}" for at, what in invalid(tags, self.scheme)]
        if problems:
            problems[-1] += "; correct the row, or declare `task.invalid_tags: repair`"
        refuse(problems)
        return tags

    def _known(self, value: Any) -> list[str]:
        if not isinstance(value, list | tuple):
            raise ColumnError(f"must be a list of tags, one for each token (given {shown(value)})")
        allowed = self.label_names
        refuse(
            [
                f"token {at}: {shown(tag)} is not a declared tag ({self._hint(tag)})"
                for at, tag in enumerate(value, start=1)
                if tag not in allowed
            ]
        )
        return list(value)

    def _hint(self, tag: Any) -> str:
        if not isinstance(tag, str):
            return "a tag is a text, such as O"
        prefix, _, name = tag.partition("-")
        if name in self.types and prefix in ("B", "I", "L", "U", "E", "S"):
            return f"task.scheme is {self.scheme}; allowed: {', '.join(self.label_names[:5])} …"
        return nearest(tag, self.label_names)

    def changes(self, value: Any) -> tuple[str, ...]:
        """Whether tags are repaired."""
        try:
            tags = self._known(value)
        except ColumnError:
            return ()
        repairs = self.invalid_tags == "repair" and any(True for _ in invalid(tags, self.scheme))
        return ("tags that the scheme does not allow, repaired",) if repairs else ()

    def key(self, value: Any) -> bytes:
        """The tags, one a line."""
        return "\n".join(value).encode()

    def arrow_type(self) -> "pa.DataType":
        """A list of texts."""
        import pyarrow as pa

        return pa.list_(pa.string())

    def text(self, value: Any) -> str:
        """The tags with a space between them."""
        return " ".join(value)

    def types_in(self, value: Any) -> list[str]:
        """The type of each entity."""
        return [entity.type for entity in entities(value, self.scheme)]


@dataclass(frozen=True)
class SpansColumn(TokenLabelsColumn):
    """Entities as spans of characters: `[start, end, type]`, or objects as annotation tools write them.

    Whether a span fits its text is checked with the text, see `span_checks`.
    """

    def read(self, value: Any) -> list[dict[str, Any]]:
        """The spans as `{start, end, label}`, sorted. Raises `ColumnError`."""
        if not isinstance(value, list | tuple):
            raise ColumnError(f"must be a list of spans, {SPAN_FORMS} (given {shown(value)})")
        spans, problems = [], []
        for number, given in enumerate(value, start=1):
            try:
                spans.append(self._span(given))
            except ColumnError as error:
                problems.append(f"span {number} {error}")
        refuse(problems)
        return sorted(spans, key=lambda span: (span["start"], span["end"]))

    def _span(self, given: Any) -> dict[str, Any]:
        start: Any
        end: Any
        if isinstance(given, Mapping):
            label = given.get("label", given.get("labels", given.get("type")))
            start, end = given.get("start"), given.get("end")
        elif isinstance(given, list | tuple) and len(given) == 3:
            start, end, label = given
        else:
            raise ColumnError(f"must be {SPAN_FORMS} (given {shown(given)})")
        if isinstance(label, list | tuple) and len(label) == 1:
            (label,) = label
        if not (_is_offset(start) and _is_offset(end)):
            raise ColumnError(f"needs a start and an end, whole numbers of at least 0 (given {shown(given)})")
        if start >= end:
            raise ColumnError(f"ends before it holds a character (given {shown(given)})")
        if not isinstance(label, str) or label not in self.types:
            hint = nearest(label, self.types) if isinstance(label, str) else "one text is needed"
            raise ColumnError(f"has no declared type (given {shown(label)}; {hint})")
        return {"start": start, "end": end, "label": label}

    def key(self, value: Any) -> bytes:
        """Start, end and type of each span, one a line."""
        return "\n".join(f"{span['start']} {span['end']} {span['label']}" for span in value).encode()

    def arrow_type(self) -> "pa.DataType":
        """A list of structs."""
        import pyarrow as pa

        return pa.list_(pa.struct([("start", pa.int32()), ("end", pa.int32()), ("label", pa.string())]))

    def text(self, value: Any) -> str:
        """Each span with its type."""
        return ", ".join(f"{span['start']}–{span['end']} {span['label']}" for span in value)

    def types_in(self, value: Any) -> list[str]:
        """The type of each span."""
        return [span["label"] for span in value]


def _is_offset(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 1 << 31
