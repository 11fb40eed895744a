"""`params.yaml` of a teacher that extends a shared declaration, written in the form that DVC writes."""

import os
from collections.abc import Iterator
from pathlib import Path

from teacherspec.check.declaration import Spec
from teacherspec.check.inheritance import WRITE, digest, merged, refuse_outdated, was_edited
from teacherspec.check.parsing.parse import Document
from teacherspec.check.run import check_document
from teacherspec.errors import DeclarationError
from teacherspec.run_records.dvc_yaml import PARAMS
from teacherspec.runtime.atomic_io import write_text
from teacherspec.runtime.project_root import OWN, inherits, project_root

SCHEMA = "params.schema.json"


def write_params(folder: Path) -> bool:
    """Write `params.yaml` of the teacher in `folder` again, where its two files declare another one.

    Returns:
        Whether it was written.

    Raises:
        DeclarationError: the declaration is wrong, or someone edited `params.yaml`, which would be lost.
    """
    if not inherits(folder):
        return False
    declared = merged(folder)
    check_document(declared)
    params = folder / PARAMS
    try:
        refuse_outdated(params)
    except DeclarationError:
        if was_edited(params):
            raise
        write_text(params, text_of(declared))
        return True
    return False


def text_of(declared: Document) -> str:
    """The text of `params.yaml`; each section names the keys that are the teacher's own."""
    from dvc.utils.serialize import dumps_yaml

    folder = declared.file.parent
    shared = next(iter(declared.files.values()), declared.file)
    schema = os.path.relpath(project_root(folder) / SCHEMA, folder)
    values = {name: declared.values[name] for name in Spec.model_fields if name in declared.values}
    head = [
        f"# yaml-language-server: $schema={schema}",
        f"# Written by `{WRITE}` from {OWN} and {os.path.relpath(shared, folder)}: edit these.",
        f"# values: {digest(declared.values)}",
        "",
    ]
    return "\n".join([*head, *_sections(declared, dumps_yaml(values))]) + "\n"


def _sections(declared: Document, text: str) -> Iterator[str]:
    for line in text.rstrip("\n").split("\n"):
        name = line.partition(":")[0]
        if name in declared.values and not line.startswith(" "):
            yield f"{line}  # of {_declared_by(declared, name)}"
        else:
            yield line


def _declared_by(declared: Document, section: str) -> str:
    """The file of a section; with the teacher's own keys, where both files declare a part of it."""
    shared = os.path.relpath(declared.file_of((section,)), declared.file.parent)
    files = {key: declared.file_of((section, key)) for key in declared.values[section]}
    own = [key for key, file in files.items() if file == declared.file]
    others = [os.path.relpath(file, declared.file.parent) for file in files.values() if file != declared.file]
    if own and others:
        return f"{others[0]}; {', '.join(own)} of {OWN}"
    return others[0] if others else shared
