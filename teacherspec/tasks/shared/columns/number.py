"""What columns share that hold a number next to the label of a row."""

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from teacherspec.tasks.shared.columns.base import LabelDetail

if TYPE_CHECKING:
    import pyarrow as pa


@dataclass(frozen=True)
class NumberDetail(LabelDetail):
    """A number that is stored as it is given."""

    def arrow_type(self) -> "pa.DataType":
        """A number as given, not scaled."""
        import pyarrow as pa

        return pa.float64()

    def key(self, value: Any) -> bytes:
        """The number as Python writes it."""
        return repr(float(value)).encode()

    def text(self, value: Any) -> str:
        """The number in few digits."""
        return f"{value:g}"


def finite_number(value: Any) -> float | None:
    """A number, or a text of one, as files of texts hold it; None for anything else and for infinities."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return None
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    return number if math.isfinite(number) else None
