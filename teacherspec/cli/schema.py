"""`teacherspec schema [--write]`."""

from pathlib import Path

import click

from teacherspec.runtime.atomic_io import encode_json, write_text

SCHEMA = Path("params.schema.json")


@click.command("schema")
@click.option("--write", is_flag=True, help=f"Write {SCHEMA} instead of printing it.")
def command(write: bool) -> None:
    """Print the JSON Schema of params.yaml, with which editors complete and explain keys."""
    from teacherspec.check.run import json_schema

    text = encode_json(json_schema())
    if write:
        write_text(SCHEMA, text)
    else:
        click.echo(text, nl=False)
