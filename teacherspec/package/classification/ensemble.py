"""Soft targets of the models of cross-fitting together: their mean distribution and their disagreement."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from teacherspec.metrics.scores.disagreement import Ensemble, ensemble
from teacherspec.metrics.scores.softmax import log_softmax

if TYPE_CHECKING:
    import pyarrow as pa

MEMBER = "fold_"
"""Beginning of the columns of logits, one for each model, in the files of `finetune`."""

LOG_PROBS = "ensemble_log_probs"
UNCERTAINTIES = ("aleatoric", "epistemic")
COLUMNS = (LOG_PROBS, *UNCERTAINTIES)
"""Columns of the soft targets, null on train rows: all but one of the models were trained on each of them."""

TOLERANCE = 1e-4
"""Largest difference, nats, of sums over float32 columns."""


def ensemble_file(finetuned: Path, split: str) -> Path:
    """Logits of each model on a split, columns `id` and `fold_<k>`; only `finetune.ensemble` writes it."""
    return finetuned / f"ensemble-{split}.parquet"


def ensemble_part(members: Any, rows: int, schema: "pa.Schema") -> "dict[str, pa.Array]":
    """`COLUMNS` of some rows.

    Args:
        members: a batch with the logits of each model; None where the models have seen the rows.
        rows: how many there are.
        schema: of the soft targets.
    """
    import pyarrow as pa

    if members is None:
        return {name: pa.nulls(rows, schema.field(name).type) for name in COLUMNS}
    names = [name for name in members.schema.names if name.startswith(MEMBER)]
    log_probs, *parts = ensemble([log_softmax(matrix(members[name])) for name in names])
    flat = pa.array(log_probs.ravel().astype(np.float32))
    return {
        LOG_PROBS: pa.FixedSizeListArray.from_arrays(flat, log_probs.shape[1]),
        **{name: pa.array(part.astype(np.float32)) for name, part in zip(UNCERTAINTIES, parts, strict=True)},
    }


def stored_ensemble(batch: Any) -> Ensemble:
    """The same from soft targets, float64; all rows must have them."""
    columns = (matrix(batch[LOG_PROBS]), *(batch[name].to_numpy() for name in UNCERTAINTIES))
    return Ensemble(*(column.astype(np.float64) for column in columns))


def matrix(column: "pa.FixedSizeListArray") -> npt.NDArray[np.float32]:
    """`[N, C]` of a column of lists without nulls."""
    flat: npt.NDArray[np.float32] = column.flatten().to_numpy()
    return flat.reshape(len(column), column.type.list_size)


def contradictions(found: Ensemble, models: int | None) -> Iterator[str]:
    """What no models together can give: the models are not packaged, so only this can be checked.

    Args:
        found: as stored.
        models: how many there are, where it is known.
    """
    total = np.logaddexp.reduce(found.log_probs, axis=1)
    probs = np.exp(found.log_probs)
    entropy = -(probs * np.where(probs > 0, found.log_probs, 0.0)).sum(axis=1)
    if not (np.abs(total) <= TOLERANCE).all():
        yield f"{LOG_PROBS} are no log-probabilities: they do not add up to 1"
    elif not (np.abs(entropy - found.aleatoric - found.epistemic) <= TOLERANCE).all():
        yield f"aleatoric and epistemic do not add up to the entropy of {LOG_PROBS}"
    most = np.inf if models is None else np.log(models) + TOLERANCE
    if not ((found.aleatoric >= 0) & (found.epistemic >= 0) & (found.epistemic <= most)).all():
        yield f"aleatoric or epistemic is negative, or more than {models or 'any'} models can disagree"
