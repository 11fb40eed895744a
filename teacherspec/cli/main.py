"""The commands of `python -m teacherspec`."""

from importlib import import_module

import click

COMMANDS = (
    "attach",
    "attest",
    "check",
    "comment",
    "datadiff",
    "deps",
    "diff",
    "export",
    "plan",
    "predict",
    "push",
    "release",
    "repro",
    "reproduce",
    "review",
    "schema",
    "show",
    "show-example",
    "sign",
    "status",
    "verify",
)
"""Each is `command` in the file of its name beside this one."""


class Commands(click.Group):
    """A group that finds its commands by name, so that one command never waits for another's imports."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The names of all commands."""
        return sorted(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command called `cmd_name`, or None."""
        if cmd_name not in COMMANDS:
            return None
        command: click.Command = import_module(f"teacherspec.cli.{cmd_name.replace('-', '_')}").command
        return command


@click.command(cls=Commands)
def main() -> None:
    """Teachers declared in params.yaml, built by `dvc repro`."""
