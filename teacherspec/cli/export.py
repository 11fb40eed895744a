"""`teacherspec export DIR OUT --to FORMAT`."""

from pathlib import Path

import click

from teacherspec.runtime.entrypoint import report_user_errors
from teacherspec.runtime.terminal import print_lines

NAMES = ("axolotl", "distillkit", "safetensors-logits", "timm", "trl")


@click.command("export")
@click.argument("folder", metavar="DIR", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.argument("target", metavar="OUT", type=click.Path(path_type=Path))
@click.option("--to", "name", required=True, type=click.Choice(NAMES), help="Format to write.")
@click.option(
    "--split", "splits", multiple=True, help="Split of the soft targets; may be repeated; default all."
)
@click.option("--unchecked", is_flag=True, help="Go without the checks of files, checksums and metadata.")
@report_user_errors()
def command(folder: Path, target: Path, name: str, splits: tuple[str, ...], unchecked: bool) -> None:
    """Convert the teacher package in DIR for another program, into the new folder OUT, which must not exist.

    axolotl, distillkit: stored log-probabilities of a language model, with the run's settings. trl: prompts
    and conversations. safetensors-logits: class logits as tensors. timm: a vision model in timm's layout.
    """
    from teacherspec.export.registry import export

    export(folder, target, name, splits, unchecked=unchecked)
    print_lines(f"{target}: {folder} for {name}")
