"""Run the fine-tuned model once over every split; report quality, slices, robustness and latency."""

from pathlib import Path

import click

from teacherspec.runtime.cpu_determinism import declared_in, pin_if_declared
from teacherspec.runtime.entrypoint import launch_workers, load_sections, record_run, report_user_errors
from teacherspec.spec.evaluate import Evaluate
from teacherspec.spec.section import Section
from teacherspec.tasks import Task


class Sections(Section):
    """What this stage reads of `params.yaml`."""

    task: Task
    evaluate: Evaluate


@click.command()
@click.argument("prepared", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.argument("model", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.argument("manifest", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.argument("output", type=click.Path(path_type=Path))
@click.argument("report", type=click.Path(path_type=Path))
@click.argument("timing", type=click.Path(path_type=Path))
@report_user_errors()
def main(prepared: Path, model: Path, manifest: Path, output: Path, report: Path, timing: Path) -> None:
    """Evaluate MODEL, and the untrained base in MANIFEST, on PREPARED; write OUTPUT, REPORT, TIMING."""
    portable = pin_if_declared(declared_in(manifest))
    with record_run():
        spec = load_sections(Sections)
        if not portable and launch_workers("stages.evaluate"):
            return
        from teacherspec.evaluate.context import Paths
        from teacherspec.evaluate.run import run_evaluate
        from teacherspec.model_files.manifest import open_base, pinned_base

        paths, base = Paths(prepared, model, output, report, timing), pinned_base(manifest)
        if headline := run_evaluate(spec.task, spec.evaluate, paths, lambda: open_base(manifest), base):
            click.echo(headline)


if __name__ == "__main__":
    main()
