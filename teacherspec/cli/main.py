"""The command line: `teacherspec`, also `python -m teacherspec`."""

import os
import shlex
from collections.abc import Callable, Mapping, Sequence
from importlib import import_module

import click

SECTIONS: Mapping[str, Mapping[str, str]] = {
    "Declare a teacher": {
        "init": "Start a repository for a teacher of your own rows.",
        "check": "Validate params.yaml; report all mistakes with line and column.",
        "schema": "Print the JSON Schema of params.yaml, for editors.",
        "plan-memory": "Estimate the memory that fine-tuning a base needs.",
        "show-tokens": "Print rows as the model reads them, supervised tokens marked.",
    },
    "Build it": {
        "repro": "Run `dvc repro`; safe to kill and to start twice.",
        "status": "Show which stages are up to date, which are stale and why.",
        "verify-lock": "Check that dvc.lock, code, params and reports agree.",
        "verify-artifacts": "Hash every file that dvc.lock names, cache included.",
        "list": "Show all teachers of the repository: verdict, quality, state.",
    },
    "Review a change": {
        "diff": "Compare two revisions: params, gates, metrics, rows.",
        "diff-data": "Show rows added, removed, edited, relabelled or moved.",
        "comment": "Post a report as a comment on a pull request, or update it.",
        "rating-sheet": "Write a blind sheet for raters to compare answers.",
    },
    "Release it": {
        "release": "Check everything, then tag the commit teacher@VERSION.",
        "rebuild-release": "Build a released teacher again and compare every output.",
        "pack-release": "Write a release's archive, checksums and notes.",
        "write-attestation": "Write who built a package, when and how (SLSA).",
        "sign": "Sign a package with a private key, offline.",
        "push": "Upload a package to the hub or a DVC remote.",
    },
    "Use a package": {
        "show": "Show the quality and gates of the built teacher.",
        "predict": "Print calibrated predictions for rows.",
        "export": "Convert a package for another program.",
        "verify-package": "Check a package's files, logits, soft targets and gates.",
    },
}
"""For each thing a person does: the commands for it and what `--help` prints about each. A command is
`command` in the module of its name, imported only when it is used."""

OF_ONE_TEACHER = frozenset(
    {
        *("diff", "diff-data", "pack-release", "push", "rating-sheet", "rebuild-release", "release"),
        *("show-tokens", "verify-artifacts", "write-attestation"),
    }
)
"""Commands that read the declaration or the pipeline of one teacher, in the current folder."""

COMMANDS = tuple(name for commands in SECTIONS.values() for name in commands)


def renamed_to(name: str) -> Callable[[Sequence[str]], list[str]]:
    """Gives the new command line for the old one's arguments."""
    return lambda arguments: [shlex.join([name, *arguments])]


def verify_commands(arguments: Sequence[str]) -> list[str]:
    """The command lines that replace `verify [DIR …] [--lock] [--artifacts]`."""
    others = [argument for argument in arguments if argument not in ("--lock", "--artifacts")]
    found = [shlex.join(["verify-package", *others])] if others else []
    found += [f"verify-{part}" for part in ("lock", "artifacts") if f"--{part}" in arguments]
    return found or ["verify-package DIR"]


RENAMED: Mapping[str, Callable[[Sequence[str]], list[str]]] = {
    "attach": renamed_to("pack-release"),
    "attest": renamed_to("write-attestation"),
    "datadiff": renamed_to("diff-data"),
    "plan": renamed_to("plan-memory"),
    "reproduce": renamed_to("rebuild-release"),
    "review": renamed_to("rating-sheet"),
    "show-example": renamed_to("show-tokens"),
    "verify": verify_commands,
}
"""Names of version 0.1, which answer with the new command line until the next version."""


class Commands(click.Group):
    """A group that imports a command only when it is used, so that none waits for another's imports."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The names of all commands, in the order of `--help`."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command called `cmd_name`, or None."""
        if cmd_name in RENAMED:
            return renamed(cmd_name)
        if cmd_name not in COMMANDS:
            return None
        command: click.Command = import_module(f"teacherspec.cli.{cmd_name.replace('-', '_')}").command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the commands section by section."""
        for title, commands in SECTIONS.items():
            with formatter.section(title):
                formatter.write_dl(list(commands.items()))


def renamed(old: str) -> click.Command:
    """A command that only names its replacement and exits with 2."""

    @click.command(old, hidden=True, add_help_option=False, context_settings={"ignore_unknown_options": True})
    @click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
    def command(arguments: tuple[str, ...]) -> None:
        program = click.get_current_context().find_root().info_name
        lines = [f"{program} {line}" for line in RENAMED[old](arguments)]
        click.echo(f"{old}: renamed: use `{' && '.join(lines)}`", err=True)
        raise SystemExit(2)

    return command


@click.command(cls=Commands)
@click.option("--teacher", metavar="NAME", help="Run the command in teachers/NAME of this repository.")
@click.pass_context
def main(context: click.Context, teacher: str | None) -> None:
    """Build teacher models for knowledge distillation, declared in params.yaml and built by DVC."""
    if teacher is not None:
        _enter(teacher)
    elif context.invoked_subcommand in OF_ONE_TEACHER:
        _refuse_several()


def _enter(teacher: str) -> None:
    """Go to the folder of a teacher; wrong usage where there is none of this name."""
    from teacherspec.errors import UserError
    from teacherspec.run_records.teachers import teacher_folder

    try:
        os.chdir(teacher_folder(teacher))
    except UserError as error:
        raise click.UsageError(str(error)) from None


def _refuse_several() -> None:
    """Wrong usage where the current folder holds several teachers and none of its own."""
    from teacherspec.run_records.teachers import teachers_below

    if names := ", ".join(teachers_below()):
        raise click.UsageError(f"name one of the teachers here: --teacher NAME before the command ({names})")
