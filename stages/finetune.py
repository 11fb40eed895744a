"""Fine-tune the base on the train split, choosing the checkpoint on the validation split."""

from pathlib import Path

import click

from teacherspec.runtime.cpu_determinism import declared_in, pin_if_declared
from teacherspec.runtime.entrypoint import launch_workers, load_sections, record_run, report_user_errors
from teacherspec.spec.finetune import Finetune
from teacherspec.spec.section import Section
from teacherspec.tasks import Task


class Sections(Section):
    """What this stage reads of `params.yaml`."""

    task: Task
    finetune: Finetune


@click.command()
@click.argument("prepared", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.argument("manifest", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.argument("output", type=click.Path(path_type=Path))
@report_user_errors()
def main(prepared: Path, manifest: Path, output: Path) -> None:
    """Write the fine-tuned model to OUTPUT, from the splits in PREPARED and the base pinned in MANIFEST."""
    portable = pin_if_declared(declared_in(manifest))
    with record_run():
        spec = load_sections(Sections)
        # Portable is one process: several would round otherwise.
        if not portable and launch_workers("stages.finetune"):
            return
        from teacherspec.tasks.shared.hf_loading import quiet_libraries

        quiet_libraries()  # before anything imports them
        from teacherspec.finetune.run import run_finetune

        run_finetune(spec.task, spec.finetune, prepared, manifest, output)


if __name__ == "__main__":
    main()
