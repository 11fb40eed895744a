"""Tags of tokens and the entities that they spell: BIO and BILOU.

BIO is read as conlleval and seqeval's default read it (Tjong Kim Sang & De Meulder 2003): a tag that
continues an entity of another type, or none, begins one. BILOU is read strictly (Ratinov & Roth 2009, as
seqeval with `mode="strict", scheme=BILOU`): only `B I* L` of one type, and `U`, are entities.
"""

from collections.abc import Iterator, Sequence
from typing import Literal, NamedTuple

Scheme = Literal["bio", "bilou"]

OUTSIDE = "O"
PREFIXES: dict[Scheme, str] = {"bio": "BI", "bilou": "BILU"}


class Entity(NamedTuple):
    """One entity of a row.

    Attributes:
        first: index of its first token.
        end: index after its last token.
        type: its type.
    """

    first: int
    end: int
    type: str


def tag_names(types: Sequence[str], scheme: Scheme) -> tuple[str, ...]:
    """The tags in the order of the logits: `O`, then those of each type."""
    return (OUTSIDE, *(f"{prefix}-{name}" for name in types for prefix in PREFIXES[scheme]))


def scheme_of(names: Sequence[str]) -> Scheme:
    """The scheme that `tag_names` made these tags by."""
    return "bilou" if any(name.startswith("U-") for name in names) else "bio"


def types_of(names: Sequence[str]) -> tuple[str, ...]:
    """The types of the entities that `tag_names` made these tags of, in their order."""
    return tuple(dict.fromkeys(name.partition("-")[2] for name in names if name != OUTSIDE))


def entities(tags: Sequence[str], scheme: Scheme) -> list[Entity]:
    """The entities that the tags of a row spell, in their order."""
    return [
        Entity(run[0], run[1], tags[run[0]].partition("-")[2])
        for run in _runs(tags)
        if scheme == "bio" or _is_whole(tags[run[0] : run[1]])
    ]


def tags_of(found: Sequence[Entity], tokens: int, scheme: Scheme) -> list[str]:
    """The tags of a row of so many tokens with these entities, which do not overlap."""
    tags = [OUTSIDE] * tokens
    for entity in found:
        size = entity.end - entity.first
        if scheme == "bio":
            prefixes = "B" + "I" * (size - 1)
        else:
            prefixes = "U" if size == 1 else "B" + "I" * (size - 2) + "L"
        tags[entity.first : entity.end] = [f"{prefix}-{entity.type}" for prefix in prefixes]
    return tags


def repaired(tags: Sequence[str], scheme: Scheme) -> list[str]:
    """Valid tags of the entities of a lenient reader: runs of one type; `B` and `U` begin a new one."""
    runs = [Entity(first, end, tags[first].partition("-")[2]) for first, end in _runs(tags)]
    return tags_of(runs, len(tags), scheme)


def invalid(tags: Sequence[str], scheme: Scheme) -> Iterator[tuple[int, str]]:
    """Where tags are no valid sequence: index of a token, and what is wrong there."""
    for first, end in _runs(tags):
        prefixes, name = [tag[0] for tag in tags[first:end]], tags[first].partition("-")[2]
        if prefixes[0] not in "BU":
            before = tags[first - 1] if first else "the beginning"
            starts = f"B-{name}" if scheme == "bio" else f"B-{name} or U-{name}"
            yield first, f"{tags[first]} after {before}: an entity begins with {starts}"
        elif scheme == "bilou" and not _is_whole(tags[first:end]):
            yield (
                end - 1,
                f"{tags[end - 1]} is the last tag of an entity, which ends with L-{name} or is U-{name}",
            )


def _runs(tags: Sequence[str]) -> Iterator[tuple[int, int]]:
    """First index and end of each run of one type; `B` and `U` begin one, `L` and `U` end one."""
    first, running = 0, ""
    for at, tag in enumerate(tags):
        prefix, _, name = tag.partition("-")
        if running and (tag == OUTSIDE or name != running or prefix in "BU"):
            yield first, at
            running = ""
        if tag != OUTSIDE and not running:
            first, running = at, name
        if prefix in "LU" and running:
            yield first, at + 1
            running = ""
    if running:
        yield first, len(tags)


def _is_whole(tags: Sequence[str]) -> bool:
    prefixes = "".join(tag[0] for tag in tags)
    return prefixes == "U" or (prefixes[0] == "B" and prefixes[-1] == "L" and set(prefixes[1:-1]) <= {"I"})
