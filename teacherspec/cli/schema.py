"""`python -m teacherspec schema [--write]`."""

from pathlib import Path

import click

from teacherspec.runtime.atomic_io import encode_json, write_text

SCHEMA = Path("params.schema.json")


@click.command("schema")
@click.option("--write", is_flag=True, help=f"Write {SCHEMA} instead of showing it.")
def command(write: bool) -> None:
    """Show the JSON Schema of params.yaml, from which editors complete and explain."""
    from teacherspec.check.run import json_schema

    text = encode_json(json_schema())
    if write:
        write_text(SCHEMA, text)
    else:
        click.echo(text, nl=False)
