"""`teacherspec rating-sheet`."""

from pathlib import Path
from secrets import token_hex

import click

from teacherspec.ratings.pair_sampling import Opponent
from teacherspec.ratings.sheet import QUESTION
from teacherspec.runtime.entrypoint import report_user_errors
from teacherspec.runtime.terminal import print_lines


@click.command("rating-sheet")
@click.option(
    "--against",
    type=click.Choice(["base", "reference"]),
    default="base",
    show_default=True,
    help="Compare the teacher with the untrained base, or with the first reference of each row.",
)
@click.option("--pairs", type=click.IntRange(1), default=100, show_default=True, help="Pairs to draw.")
@click.option("--show-expected", is_flag=True, help="Let raters see the first reference of each row.")
@click.option("--question", default=QUESTION, show_default=True, help="Question shown to raters.")
@click.option("--seed", help="Draws the same sheet again; by default a random secret, stored in the key.")
@click.option(
    "--answers",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    default="artifacts/evaluate",
    show_default=True,
    help="Folder that the stage `evaluate` wrote.",
)
@click.option(
    "--sheets",
    type=click.Path(file_okay=False, path_type=Path),
    default="artifacts/review",
    show_default=True,
    help="Folder for the sheet.",
)
@click.option(
    "--reviews",
    type=click.Path(file_okay=False, path_type=Path),
    default="data/reviews",
    show_default=True,
    help="Folder for the key, and for the ratings that raters send back.",
)
@report_user_errors()
def command(
    against: Opponent,
    pairs: int,
    show_expected: bool,
    question: str,
    seed: str | None,
    answers: Path,
    sheets: Path,
    reviews: Path,
) -> None:
    """Write a blind rating sheet: raters compare two answers at a time, without knowing whose they are.

    The sheet is one HTML file that works offline in any browser, or a CSV for a spreadsheet. Its key, which
    maps each side to its system, goes to the folder of the ratings and not to the raters. Put the files that
    raters save into the folder of the key and run `dvc repro`.
    """
    from teacherspec.errors import DataError
    from teacherspec.generated_answers import load_answers
    from teacherspec.ratings.pair_sampling import draw, pairs_against
    from teacherspec.ratings.sheet import save_sheet
    from teacherspec.ratings.sheet_key import encode_key, key_of, save_key, sheet_id

    if show_expected and against == "reference":
        raise click.UsageError("--show-expected would show which answer is the reference; drop it")
    seed = seed or token_hex(16)
    drawn = draw(pairs_against(load_answers(answers), against, show_expected), pairs, seed)
    if not drawn.shown:
        raise DataError(
            f"{answers}: all {len(drawn.identical)} answers drawn are the same on both sides; nothing to rate"
        )
    key = key_of(drawn, against, seed)
    page, table = save_sheet(sheets, sheet_id(encode_key(key)), drawn, seed, question)
    key_file = save_key(reviews, key)
    pictured = any(pair.pictures for pair in drawn.shown)
    print_lines(
        f"{len(drawn.shown)} pairs to rate, {len(drawn.identical)} more with equal answers (ties), "
        f"{drawn.repeated} repeated rows left out",
        f"give to raters   {page}",
        f"or, as a table   {table}{' (without the pictures)' if pictured else ''}",
        f"keep from them   {key_file}",
        f"put what they save into {reviews}/, then: dvc repro ratings",
    )
