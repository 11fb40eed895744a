"""The names of the kinds of task that a declaration can be written for."""

from pathlib import Path

OTHERS = frozenset({"__init__", "names", "registry"})

KINDS = tuple(sorted(file.stem for file in Path(__file__).parent.glob("*.py") if file.stem not in OTHERS))
"""The modules of this folder; the last one, texts with labels, takes what no other does."""
