"""Which rows of a source are used: its share, and its maximum number of rows per class."""

import numpy as np
import numpy.typing as npt

from teacherspec.prepare.ingest import Ingested
from teacherspec.prepare.mmap_columns import Mask, Workspace, chunks
from teacherspec.prepare.row_hashes import Hashes
from teacherspec.prepare.split_assignment import SAMPLE_STREAM, rank_within, uniform
from teacherspec.spec.prepare.prepare import Prepare


def sampled_rows(
    ingested: Ingested,
    hashes: Hashes,
    label: npt.NDArray[np.int32],
    section: Prepare,
    workspace: Workspace,
) -> tuple[Mask, int]:
    """Rows `[N]` to use by the shares and the maximum rows per class of their sources, and how many are not.

    Unused rows of external sources are not counted.
    """
    table = ingested.row_store.numbers("table")
    source_of = np.array(ingested.sources, np.int32)
    shares = _shares(section, _rows_of_sources(table, source_of, len(section.sources)))
    sampled: Mask = workspace.column(len(table), bool)
    for chunk in chunks(len(table)):
        draw = uniform(hashes.content[chunk], section.seed, SAMPLE_STREAM)
        sampled[chunk] = draw < shares[source_of[table[chunk]]]
    for number, one in enumerate(section.sources):
        if one.rows_per_class is not None:
            _keep_per_class(
                sampled, source_of == number, table, hashes, label, one.rows_per_class, section.seed
            )
    counts = np.array([one.role != "external" for one in section.sources])[source_of]
    unused = sum(int((counts[table[chunk]] & ~sampled[chunk]).sum()) for chunk in chunks(len(table)))
    return sampled, unused


def _keep_per_class(
    sampled: Mask,
    of_source: Mask,
    table: npt.NDArray[np.int32],
    hashes: Hashes,
    label: npt.NDArray[np.int32],
    most: int,
    seed: int,
) -> None:
    """Keep of the sampled rows of a source at most so many of each class: those with the smallest draws.

    Args:
        sampled: `[N]`, changed in place.
        of_source: `[T]` whether a table belongs to the source.
        table: `[N]` table of each row.
        hashes: of the rows.
        label: `[N]` class of each row.
        most: rows of a class.
        seed: of the draws.
    """
    rows = np.empty(0, np.int64)
    for chunk in chunks(len(table)):
        here = np.flatnonzero(of_source[table[chunk]] & sampled[chunk]) + chunk.start
        sampled[here] = False
        rows = np.concatenate([rows, here])  # the smallest draws so far, and the new rows
        draws = uniform(hashes.content[rows], seed, SAMPLE_STREAM)
        rows = rows[rank_within(label[rows], draws) < most]
    sampled[rows] = True


def _rows_of_sources(
    table: npt.NDArray[np.int32], source_of: npt.NDArray[np.int32], sources: int
) -> npt.NDArray[np.int64]:
    counts = np.zeros(sources, np.int64)
    for chunk in chunks(len(table)):
        counts += np.bincount(source_of[table[chunk]], minlength=sources)
    return counts


def _shares(section: Prepare, rows: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
    """The share of its rows that each source contributes: as declared, or by its weight in the mix.

    The source with the fewest rows for its weight contributes all; no row is used twice.
    """
    weights = np.array([one.weight or 0.0 for one in section.sources])
    shares = np.array([one.share for one in section.sources])
    weighted = (weights > 0) & (rows > 0)
    if weighted.any():
        unit = (rows[weighted] / weights[weighted]).min()
        shares[weighted] = weights[weighted] * unit / rows[weighted]
    return shares
