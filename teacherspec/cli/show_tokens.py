"""`teacherspec show-tokens`: the tokens of some rows, with the supervised ones marked."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from teacherspec.errors import UserError
from teacherspec.runtime.entrypoint import PARAMS, report_user_errors
from teacherspec.runtime.escaping import printable_lines
from teacherspec.runtime.terminal import print_lines

if TYPE_CHECKING:
    from teacherspec.spec.base import Base
    from teacherspec.spec.base_candidates import BaseCandidates

MANIFEST = Path("reports/base/manifest.json")
"""Where the stage `base` states which candidate it chose."""


@click.command("show-tokens")
@click.option("-n", "count", default=3, show_default=True, type=click.IntRange(1, 1000), help="Rows to show.")
@click.option("--split", default="train", show_default=True, help="Split to take them from.")
@click.option(
    "--prepared",
    default=Path("artifacts/prepare"),
    show_default=True,
    type=click.Path(path_type=Path),
    help="Folder that the stage `prepare` wrote.",
)
@report_user_errors()
def command(count: int, split: str, prepared: Path) -> None:
    """Print the tokens of the first rows of a split as the model reads them, supervised ones marked.

    Needs the splits of the stage `prepare` and the base, whose tokenizer or processor is used; its weights
    are not loaded.
    """
    from teacherspec.check.run import check
    from teacherspec.splits import load_prepared, open_split
    from teacherspec.tasks.shared.generation_task import GenerationTask
    from teacherspec.text.token_display import marked_tokens

    spec = check(PARAMS)
    task = spec.task.capability(GenerationTask)
    if task is None:
        raise UserError(f"task.kind: {spec.task.kind} trains on no tokens, so there is nothing to show")
    data = load_prepared(prepared)
    if split not in data.splits:
        raise UserError(f"--split: given {split}; allowed: {', '.join(data.splits)}")
    processor = task.load_base_processor(_base_folder(spec.base))
    encoder, tokenizer = task.encoder(processor), task.tokenizer(processor)
    rows = open_split(data.splits[split])
    for row in rows.select(range(min(count, len(rows)))):
        encoded = encoder.encode(task.conversation(row))
        supervised = sum(encoded.supervised)
        print_lines(f"{row['id']}: {len(encoded.input_ids)} tokens, {supervised} supervised (marked «»)")
        for text, inside in marked_tokens(tokenizer, encoded.input_ids, encoded.supervised):
            click.secho(
                printable_lines(text.split("\n")), bold=inside, fg="green" if inside else None, nl=False
            )
        print_lines("")
        print_lines("")


def _base_folder(declared: "Base | BaseCandidates") -> Path:
    """The files of the declared base, or of the chosen one where several are declared."""
    from teacherspec.model_files.manifest import CACHE, open_base
    from teacherspec.model_files.sources.registry import fetch
    from teacherspec.spec.base import Base

    return fetch(declared.source, CACHE) if isinstance(declared, Base) else open_base(MANIFEST)
