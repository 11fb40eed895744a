"""The column that holds the class of a row."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from teacherspec.tasks.shared.columns.base import Column, ColumnError, nearest, shown
from teacherspec.tasks.shared.columns.text import UNWRITABLE
from teacherspec.text.look_alikes import difference, look_alike_key, spelt_out
from teacherspec.text.unicode_forms import is_blank

if TYPE_CHECKING:
    import pyarrow as pa


@dataclass(frozen=True)
class LabelColumn(Column):
    """One of the label names: a text, or a whole number where every label is one.

    Labels are compared as given (`01` is not `1`). Stored as the int32 index into the label names.

    Attributes:
        label_names: the declared names, or None when the data decide.
    """

    label_names: Sequence[str] | None = None

    def read(self, value: Any) -> str | int:
        """The label as given, text or number, so that a mix of both can be refused.

        Raises:
            ColumnError: not a label, or not one of the declared names.
        """
        if isinstance(value, bool) or not isinstance(value, str | int):
            raise ColumnError(f"must be a text or a whole number (given {shown(value)})")
        name = str(value)
        if is_blank(name):
            raise ColumnError(f"is blank (given {shown(value)}); give the row a label or take it out")
        if name != name.strip() or UNWRITABLE.search(name):
            raise ColumnError(f"has spaces around it or control characters in it (given {shown(value)})")
        if self.label_names is not None and name not in self.label_names:
            raise ColumnError(f"is not a declared label ({_given(value, self.label_names)})")
        return value

    def key(self, value: Any) -> bytes:
        """UTF-8 of the label."""
        return str(value).encode("utf-8")

    def arrow_type(self) -> "pa.DataType":
        """Index into the label names."""
        import pyarrow as pa

        return pa.int32()

    def text(self, value: Any) -> str:
        """The label's name."""
        return str(value)


def _given(value: str | int, label_names: Sequence[str]) -> str:
    """The label that was given, and which of the declared ones was meant."""
    name = str(value)
    alike = [declared for declared in label_names if look_alike_key(declared) == look_alike_key(name)]
    if alike:
        return (
            f"given {spelt_out(name)}, which differs from the declared {spelt_out(alike[0])} only in "
            f"{difference(name, alike[0])}; correct the row, or rename it by a transform of `kind: map`"
        )
    return f"given {shown(value)}; {nearest(name, label_names)}"
