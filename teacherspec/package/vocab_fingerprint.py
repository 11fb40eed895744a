"""Size and hash of the vocabulary, which students need to compare distributions over it.

Embeddings are often padded to a round number of rows: of one family the smaller and the larger members may
share a tokenizer and still have logits of different width, which trainers of students refuse.
"""

import json
from pathlib import Path
from typing import Any

from teacherspec.runtime.atomic_io import encode_json, read_json, sha256_bytes


def vocabulary(model: Path) -> dict[str, Any] | None:
    """Rows of the embedding, tokens of the tokenizer and the digest of its vocabulary.

    Args:
        model: a model folder.

    Returns:
        `rows` (`config.vocab_size`), `tokens`, `highest_id`, `padded` (rows above it) and `sha256` of the
        tokens with their ids in canonical JSON; None where the folder has no fast tokenizer.
    """
    file = model / "tokenizer.json"
    if not file.is_file():
        return None
    from tokenizers import Tokenizer

    config = read_json(model / "config.json")
    rows = config.get("vocab_size", config.get("text_config", {}).get("vocab_size"))
    tokens = Tokenizer.from_str(json.dumps(read_json(file))).get_vocab(with_added_tokens=True)
    highest = max(tokens.values())
    return {
        "rows": rows,
        "tokens": len(tokens),
        "highest_id": highest,
        "padded": None if rows is None else max(0, rows - 1 - highest),
        "sha256": sha256_bytes(encode_json(tokens).encode()),
    }
