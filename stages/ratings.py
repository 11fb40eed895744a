"""Compute win rates and agreement from human evaluation of generated answers; runs no model."""

from pathlib import Path

import click

from teacherspec.ratings.run import run_ratings
from teacherspec.ratings.win_rates import Level
from teacherspec.runtime.entrypoint import load_sections, record_run, report_user_errors
from teacherspec.runtime.terminal import print_lines
from teacherspec.spec.evaluate import Evaluate
from teacherspec.spec.section import Section


class Sections(Section):
    """What this stage reads of `params.yaml`: level and seed of intervals."""

    evaluate: Evaluate


@click.command()
@click.argument("reviews", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.argument("evaluated", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.argument("report", type=click.Path(path_type=Path))
@report_user_errors()
@record_run()
def main(reviews: Path, evaluated: Path, report: Path) -> None:
    """Write win rates to REPORT, from the ratings in REVIEWS of the answers in EVALUATED."""
    section = load_sections(Sections).evaluate
    level = Level(section.confidence, section.resamples, section.seed)
    for opponent, numbers in run_ratings(reviews, evaluated, report, level).items():
        won = numbers.get("win_rate")
        rate = f"win rate {won['value']:.3f} ({won['low']:.3f} to {won['high']:.3f})" if won else "too few"
        print_lines(f"teacher against {opponent}: {rate}, {numbers['pairs']['rated']} pairs rated")


if __name__ == "__main__":
    main()
