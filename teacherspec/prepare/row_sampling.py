"""Which rows of a source are used: its share, and its most rows of a class."""

import numpy as np
import numpy.typing as npt

from teacherspec.prepare.ingest import Ingested
from teacherspec.prepare.mmap_columns import Mask, Scratch, chunks
from teacherspec.prepare.row_hashes import Hashes
from teacherspec.prepare.split_assignment import SAMPLE_STREAM, rank_within, uniform
from teacherspec.spec.prepare import Prepare


def sampled_rows(
    ingested: Ingested,
    hashes: Hashes,
    label: npt.NDArray[np.int32],
    section: Prepare,
    scratch: Scratch,
) -> tuple[Mask, int]:
    """Rows `[N]` that the shares and the most rows per class of their sources admit, and how many are not.

    Rows of external sources that are not admitted are not counted: they are nobody's loss.
    """
    table = ingested.spool.numbers("table")
    source_of = np.array(ingested.sources, np.int32)
    shares = _shares(section, _rows_of_sources(table, source_of, len(section.sources)))
    sampled: Mask = scratch.column(len(table), bool)
    for chunk in chunks(len(table)):
        place = uniform(hashes.content[chunk], section.seed, SAMPLE_STREAM)
        sampled[chunk] = place < shares[source_of[table[chunk]]]
    for number, one in enumerate(section.sources):
        if one.rows_per_class is not None:
            _keep_per_class(
                sampled, source_of == number, table, hashes, label, one.rows_per_class, section.seed
            )
    counts = np.array([one.role != "external" for one in section.sources])[source_of]
    lost = sum(int((counts[table[chunk]] & ~sampled[chunk]).sum()) for chunk in chunks(len(table)))
    return sampled, lost


def _keep_per_class(
    sampled: Mask,
    of_source: Mask,
    table: npt.NDArray[np.int32],
    hashes: Hashes,
    label: npt.NDArray[np.int32],
    most: int,
    seed: int,
) -> None:
    """Of the sampled rows of a source keep at most so many of each class: those of the lowest places.

    Args:
        sampled: `[N]`, changed in place.
        of_source: `[T]` whether a table belongs to the source.
        table: `[N]` table of each row.
        hashes: of the rows.
        label: `[N]` class of each row.
        most: rows of a class.
        seed: of the places.
    """
    rows = np.empty(0, np.int64)
    for chunk in chunks(len(table)):
        here = np.flatnonzero(of_source[table[chunk]] & sampled[chunk]) + chunk.start
        sampled[here] = False
        rows = np.concatenate([rows, here])  # the best of what came before, and the new ones
        places = uniform(hashes.content[rows], seed, SAMPLE_STREAM)
        rows = rows[rank_within(label[rows], places) < most]
    sampled[rows] = True


def _rows_of_sources(
    table: npt.NDArray[np.int32], source_of: npt.NDArray[np.int32], sources: int
) -> npt.NDArray[np.int64]:
    counts = np.zeros(sources, np.int64)
    for chunk in chunks(len(table)):
        counts += np.bincount(source_of[table[chunk]], minlength=sources)
    return counts


def _shares(section: Prepare, rows: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
    """The share of its rows that each source gives: as declared, or as its weight in the mix asks.

    The source that is scarcest for its weight gives all; nothing is ever used twice.
    """
    weights = np.array([one.weight or 0.0 for one in section.sources])
    shares = np.array([one.share for one in section.sources])
    weighted = (weights > 0) & (rows > 0)
    if weighted.any():
        unit = (rows[weighted] / weights[weighted]).min()
        shares[weighted] = weights[weighted] * unit / rows[weighted]
    return shares
