"""Types of columns in a Parquet file's metadata, as every version of `datasets` reads them.

Without the metadata `datasets` knows no label names. Version 4 renamed the type of a list: it writes `List`,
which version 3 refuses to read, and still reads `Sequence`, the older name.
"""

import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pyarrow as pa
    from datasets import Features

KEY = b"huggingface"
"""Key of the metadata of a schema."""

NAME_IN_3 = {"List": "Sequence"}
"""Type of a column in `datasets` 4 and 5 → its name in version 3, which all read."""


def schema_with_features(features: "Features") -> "pa.Schema":
    """The Arrow schema of `features`, whose metadata versions 3, 4 and 5 of `datasets` read."""
    schema: pa.Schema = features.arrow_schema
    stated = json.loads(schema.metadata[KEY], object_hook=_with_older_name)
    return schema.with_metadata({**schema.metadata, KEY: json.dumps(stated).encode()})


def _with_older_name(value: dict[str, Any]) -> dict[str, Any]:
    kind = value.get("_type")
    # A column may itself be called `_type`; then the value is a mapping.
    return {**value, "_type": NAME_IN_3.get(kind, kind)} if isinstance(kind, str) else value
