"""Out-of-fold logits: each train row answered by a model that was not fitted on it.

A teacher knows its own train rows by heart, and a target that repeats the label teaches a student nothing
beyond it. Cross-fitting (Dao et al. 2021, https://arxiv.org/abs/2104.09732) fine-tunes one further model a
fold on the other folds, and lets it answer the fold that it has not seen. The folds are those of `prepare`:
from the hash of the content or the group, so that no copy of a row is on the other side.
"""

import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

from teacherspec.errors import DataError
from teacherspec.finetune.train import finetune
from teacherspec.inference.classification import predict
from teacherspec.inference.load import load_model
from teacherspec.predictions.classification import save_predictions
from teacherspec.runtime import distributed, machine
from teacherspec.runtime.atomic_io import replacing, sha256_file, write_parquet
from teacherspec.spec.finetune import Finetune
from teacherspec.splits import Prepared, Split, open_split
from teacherspec.tasks.interfaces.kind import Kind
from teacherspec.tasks.interfaces.model import ModelInit

OUT_OF_FOLD = "out_of_fold.parquet"
"""File beside the model: `id`, `fold`, `logits`, in the order of the train split."""

FOLD = "fold"
"""Column of the train split, written by `prepare`."""


def cross_fit(
    task: Kind, section: Finetune, base: Path, prepared: Prepared, run: Path, start: ModelInit
) -> Path:
    """Fine-tune one model a fold, exactly as the teacher is, and gather what each says of its own fold.

    After a kill, folds that were answered are not trained again, and the one that was being trained goes on
    from its last checkpoint.

    Args:
        task: the declared task.
        section: `params.yaml: finetune`.
        base: verified base folder.
        prepared: the prepared splits; `train` has the column `fold`.
        run: scratch folder of exactly this training.
        start: how the base becomes the model to train.

    Returns:
        The Parquet file with the logits of all train rows, inside `run`.

    Raises:
        DataError: the train split has no folds.
    """
    folds = _folds(prepared.splits["train"])
    for place, fold in enumerate(folds, start=1):
        answers = run / f"fold-{fold}.parquet"
        if not distributed.broadcast(answers.is_file()):
            if distributed.is_main_process():
                print(f"finetune: fold {place} of {len(folds)}", file=sys.stderr, flush=True)
            _answer(task, section, base, prepared, run, start, fold, answers)
    if distributed.is_main_process():
        _gather(prepared.splits["train"], run, folds)
    return run / OUT_OF_FOLD


def _folds(train: Split) -> list[int]:
    """The folds that have rows."""
    import pyarrow.parquet as pq

    if FOLD not in pq.read_schema(train.path).names:
        raise DataError(
            f"{train.path}: has no column `{FOLD}`; declare prepare.folds and run `prepare` again"
        )
    return sorted(set(pq.read_table(train.path, columns=[FOLD])[FOLD].to_pylist()))


def _answer(
    task: Kind,
    section: Finetune,
    base: Path,
    prepared: Prepared,
    run: Path,
    start: ModelInit,
    fold: int,
    answers: Path,
) -> None:
    """Train on the other folds, answer this one, keep the answers only."""
    if distributed.is_main_process():
        _part(prepared.splits["train"], fold, run)
    distributed.barrier()
    rest, own = (_split(run / f"{part}-{fold}.parquet") for part in ("rest", "own"))
    trained = run / f"fold-{fold}"
    if not distributed.broadcast(trained.is_dir()):
        splits = {**prepared.splits, "train": rest}
        part = Prepared(prepared.task, prepared.label_names, splits)
        finetune(task, section, base, part, run / f"training-{fold}", trained, start)
    model, processor = load_model(task, trained / "model")
    batch_size = machine.batch_layout(section.batch_size).micro_batch
    processor = task.cache_shared_inputs(model, processor)
    predictions = predict(task, model, processor, open_split(own, run), batch_size)
    if distributed.is_main_process():
        save_predictions(answers, predictions)
        shutil.rmtree(trained)


def _part(train: Split, fold: int, run: Path) -> None:
    """Write the rows of all other folds and those of this one to files of their own, in bounded memory."""
    import pyarrow.compute as pc
    import pyarrow.parquet as pq

    paths = (run / f"rest-{fold}.parquet", run / f"own-{fold}.parquet")
    with pq.ParquetFile(train.path) as file, replacing(paths[0]) as rest, replacing(paths[1]) as own:
        schema = file.schema_arrow
        with pq.ParquetWriter(rest, schema) as others, pq.ParquetWriter(own, schema) as held_out:
            for batch in file.iter_batches():
                here = pc.equal(batch[FOLD], fold)
                held_out.write_batch(batch.filter(here))
                others.write_batch(batch.filter(pc.invert(here)))


def _split(path: Path) -> Split:
    import pyarrow.parquet as pq

    return Split("train", "train", pq.read_metadata(path).num_rows, sha256_file(path), path)


def _gather(train: Split, run: Path, folds: Sequence[int]) -> None:
    """Write all answers in the order of the train split."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    answered = [pq.read_table(run / f"fold-{fold}.parquet", columns=["id", "logits"]) for fold in folds]
    table = pa.concat_tables(answered)
    places = {name: place for place, name in enumerate(table["id"].to_pylist())}
    order = pq.read_table(train.path, columns=["id", FOLD])
    logits = table["logits"].take([places[name] for name in order["id"].to_pylist()])
    write_parquet(run / OUT_OF_FOLD, order.append_column("logits", logits))
