"""Out-of-fold logits: the logits of each train row from a model that was not trained on it.

A teacher has memorised its own train rows, and a soft target that repeats the label adds nothing to it.
Cross-fitting (Dao et al. 2021, https://arxiv.org/abs/2104.09732) fine-tunes one further model for each fold,
on the other folds, and runs it on the fold that it was not trained on. The folds are those of `prepare`: they
follow from the hash of the content or the group, so that no copy of a row is in another fold.

The same models together are an ensemble (`finetune.ensemble`): run on the rows that no model was trained on,
they show where they disagree.
"""

import shutil
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from teacherspec.errors import DataError
from teacherspec.finetune.inputs import Training
from teacherspec.finetune.train import finetune
from teacherspec.inference.classification import predict
from teacherspec.inference.load import load_model
from teacherspec.predictions.classification import save_predictions
from teacherspec.runtime import distributed, machine
from teacherspec.runtime.atomic_io import replacing, sha256_file, write_parquet
from teacherspec.splits import Split, open_split

OUT_OF_FOLD = "out_of_fold.parquet"
"""File in the output of the stage: `id`, `fold`, `logits`, in the order of the train split."""

HELD_BACK = ("train", "test")
"""Splits that the ensemble is not run on: its models have seen train rows, and test rows are no targets."""

FOLD_MODEL = "fold-{}"
"""Folder of a fold's model in the scratch folder, where the teacher is the mean of these models."""

FOLD = "fold"
"""Column of the train split, written by `prepare`."""


def cross_fit(training: Training, scratch: Path) -> tuple[Path, ...]:
    """Fine-tune one model for each fold, exactly like the teacher, and collect its logits on that fold.

    After a kill, folds whose logits are stored are not trained again, and an interrupted training resumes
    from its last checkpoint.

    Args:
        training: that of the teacher; its `train` split has the column `fold`.
        scratch: folder for what is unfinished.

    Returns:
        Parquet files inside `scratch`: the logits of all train rows, and for an ensemble
        `ensemble-<split>.parquet` with the logits of every model on the rows of each other split.

    Raises:
        DataError: the train split has no folds.
    """
    train = training.prepared.splits["train"]
    folds = _folds(train)
    for place, fold in enumerate(folds, start=1):
        predictions = scratch / f"fold-{fold}.parquet"
        if not distributed.broadcast(predictions.is_file()):
            if distributed.is_main_process():
                print(f"finetune: fold {place} of {len(folds)}", file=sys.stderr, flush=True)
            _predict_fold(training, fold, scratch, predictions)
    files = {name: scratch / f"ensemble-{name}.parquet" for name in _predicted_splits(training)}
    if distributed.is_main_process():
        _concatenate(train, scratch, folds)
        for name, file in files.items():
            _join_members(file, [_member(scratch, fold, name) for fold in folds])
    return (scratch / OUT_OF_FOLD, *files.values())


def _predicted_splits(training: Training) -> list[str]:
    """Splits that every model is run on; none without `finetune.ensemble`."""
    splits = training.prepared.splits if training.section.ensemble else {}
    return [name for name in splits if name not in HELD_BACK]


def _member(scratch: Path, fold: int, split: str) -> Path:
    """Predictions of the model of a fold on another split."""
    return scratch / f"fold-{fold}-{split}.parquet"


def fold_models(training: Training, scratch: Path) -> list[Path]:
    """What each training of `cross_fit` left, where the teacher is made of them."""
    return [scratch / FOLD_MODEL.format(fold) for fold in _folds(training.prepared.splits["train"])]


def _folds(train: Split) -> list[int]:
    """The folds that have rows."""
    import pyarrow.parquet as pq

    if FOLD not in pq.read_schema(train.path).names:
        raise DataError(
            f"{train.path}: has no column `{FOLD}`; declare prepare.folds and run `prepare` again"
        )
    return sorted(set(pq.read_table(train.path, columns=[FOLD])[FOLD].to_pylist()))


def _predict_fold(training: Training, fold: int, scratch: Path, output: Path) -> None:
    """Train on the other folds, run the model on this one, and keep its predictions only."""
    prepared, task = training.prepared, training.task
    if distributed.is_main_process():
        _split_by_fold(prepared.splits["train"], fold, scratch)
    distributed.barrier()
    rest, held_out = (_train_split(scratch / f"{part}-{fold}.parquet") for part in ("rest", "held-out"))
    trained = scratch / FOLD_MODEL.format(fold)
    if not distributed.broadcast(trained.is_dir()):
        part = replace(prepared, splits={**prepared.splits, "train": rest})
        finetune(replace(training, prepared=part), scratch / f"training-{fold}", trained)
    model, processor = load_model(task, trained / "model")
    batch_size = machine.batch_layout(training.section.batch_size).micro_batch
    processor = task.cache_shared_inputs(model, processor)
    for name in _predicted_splits(training):
        found = predict(task, model, processor, open_split(prepared.splits[name], scratch), batch_size)
        if distributed.is_main_process():
            save_predictions(_member(scratch, fold, name), found)
    predictions = predict(task, model, processor, open_split(held_out, scratch), batch_size)
    if distributed.is_main_process():  # written last: a fold that has them is complete
        save_predictions(output, predictions)
        if training.section.teacher != "mean_of_folds":
            shutil.rmtree(trained)


def _split_by_fold(train: Split, fold: int, folder: Path) -> None:
    """Write the rows of all other folds and those of this one to separate files, in bounded memory."""
    import pyarrow.compute as pc
    import pyarrow.parquet as pq

    paths = (folder / f"rest-{fold}.parquet", folder / f"held-out-{fold}.parquet")
    with pq.ParquetFile(train.path) as file, replacing(paths[0]) as rest, replacing(paths[1]) as held_out:
        schema = file.schema_arrow
        with (
            pq.ParquetWriter(rest, schema) as rest_writer,
            pq.ParquetWriter(held_out, schema) as held_out_writer,
        ):
            for group in range(file.num_row_groups):  # `prepare` bounds their size
                for batch in file.iter_batches(row_groups=[group]):
                    in_fold = pc.equal(batch[FOLD], fold)
                    held_out_writer.write_batch(batch.filter(in_fold))
                    rest_writer.write_batch(batch.filter(pc.invert(in_fold)))


def _train_split(path: Path) -> Split:
    import pyarrow.parquet as pq

    return Split("train", "train", pq.read_metadata(path).num_rows, sha256_file(path), path)


def _concatenate(train: Split, folder: Path, folds: Sequence[int]) -> None:
    """Write the logits of all folds in the order of the train split."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    parts = [pq.read_table(folder / f"fold-{fold}.parquet", columns=["id", "logits"]) for fold in folds]
    table = pa.concat_tables(parts)
    places = {name: place for place, name in enumerate(table["id"].to_pylist())}
    order = pq.read_table(train.path, columns=["id", FOLD])
    logits = table["logits"].take([places[name] for name in order["id"].to_pylist()])
    write_parquet(folder / OUT_OF_FOLD, order.append_column("logits", logits))


def _join_members(target: Path, members: Sequence[Path]) -> None:
    """Write `id` and, for each model, its logits as `fold_<k>`, in the order of the split."""
    import pyarrow.parquet as pq

    tables = [pq.read_table(path, columns=["id", "logits"]) for path in members]
    joined = tables[0].select(["id"])
    for place, table in enumerate(tables):
        joined = joined.append_column(f"fold_{place}", table["logits"])
    write_parquet(target, joined)
