"""What `teacherspec init --add NAME` does: one more teacher, in a folder of `teachers/`."""

import re
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

from teacherspec.check.parsing.parse import read_document
from teacherspec.errors import UserError
from teacherspec.init.look import Look, Wanted, look
from teacherspec.init.pipeline import pipeline, registered, teachers_only
from teacherspec.init.repository import (
    Declared,
    attributes,
    base_texts,
    readme_of_several,
    refuse_existing,
    rows_attribute,
    shared_files,
    teacher_files,
)
from teacherspec.init.requirements import with_extras
from teacherspec.init.split_declaration import in_the_way, own_text, shareable, shared_text
from teacherspec.init.start import Plan, wheels
from teacherspec.init.upgrade import file_diff, text_of
from teacherspec.run_records.dvc_yaml import DVC_YAML, PARAMS, parsed
from teacherspec.run_records.library_versions import VERSIONS
from teacherspec.run_records.teachers import TEACHERS, teachers
from teacherspec.runtime.project_root import OWN

NAME = re.compile(r"[a-z0-9](?:[a-z0-9_-]{0,62}[a-z0-9])?")
"""Of a teacher: its folder and, before `@`, the tags of its releases (GTO's rule, in lower case)."""

SHARED = TEACHERS / "shared.yaml"
REQUIREMENTS, ATTRIBUTES = "requirements.txt", ".gitattributes"


def plan_teacher(wanted: Wanted) -> Plan:
    """Look at the data and decide what to write for one more teacher. Writes nothing.

    In a folder that is no repository yet, one begins whose teachers are all in `teachers/`.

    Raises:
        UserError: the name is taken or none, `teacherspec init` made no repository of what is there, the data
            cannot be read, or the resulting declaration is wrong.
    """
    root, folder = wanted.root, TEACHERS / wanted.name
    is_new = _refuse_name(wanted)
    found = look(wanted, folder)
    declared, sources, note = _declaration(root, folder, found)
    files = {**declared, **teacher_files(folder, sources)}
    if is_new:
        files |= shared_files(Declared(extras=found.start.EXTRAS)) | base_texts(found.start)
        files |= {str(DVC_YAML): teachers_only([wanted.name]), ATTRIBUTES: attributes(found.folder)}
        files["README.md"] = readme_of_several()
        copies, changes = {**found.copies, **wheels()}, {}
    else:
        files |= {name: text for name, text in base_texts(found.start).items() if not (root / name).exists()}
        copies, changes = dict(found.copies), dict(_changes(root, wanted.name, found))
    refuse_existing(root, [*files, *map(str, copies.values())])
    return Plan(
        root,
        found.kind,
        files,
        copies,
        found.guesses,
        [*found.warnings, *note],
        found.data_bytes,
        found.folder,
        folder,
        changes,
    )


def _refuse_name(wanted: Wanted) -> bool:
    """Whether no repository is there yet. Raises `UserError` where the teacher cannot be added."""
    if not NAME.fullmatch(wanted.name):
        raise UserError(
            f"--add {wanted.name}: no name of a teacher; allowed: lower-case letters, digits, - and _, with "
            "a letter or digit at both ends, 64 characters at most"
        )
    known = teachers(wanted.root)
    taken = {*known, *parsed(pipeline(), str(DVC_YAML))["artifacts"]}
    if wanted.name in taken:
        shown = ", ".join(sorted(taken - {"."}))
        raise UserError(f"--add {wanted.name}: this name is taken ({shown}); choose another one")
    if not (wanted.root / VERSIONS).is_file() and (known or (wanted.root / DVC_YAML).is_file()):
        raise UserError(
            f"{wanted.root}: has no {VERSIONS}: `teacherspec init` made no repository here; choose "
            "another folder"
        )
    return not (wanted.root / VERSIONS).is_file()


def _declaration(root: Path, folder: Path, found: Look) -> tuple[dict[str, str], list[str], list[str]]:
    """The files that declare the teacher; those that `params.yaml` is written from; what to look at."""
    with TemporaryDirectory() as scratch:
        file = Path(scratch) / PARAMS
        file.write_text(found.text, encoding="utf-8")
        document = read_document(file)
        extends = f"../{SHARED.name}"
        if (root / SHARED).is_file():
            shared = read_document(root / SHARED).values
            if others := in_the_way(document, shared):
                note = (
                    f"{SHARED}: declares {', '.join(others)}, which this teacher has not: it shares nothing"
                )
                return {(folder / PARAMS).as_posix(): found.text}, [], [note]
            files = {}
        else:
            shared = shareable(document, {guess.key for guess in found.guesses})
            files = {SHARED.as_posix(): shared_text(document, shared)}
        files[(folder / OWN).as_posix()] = own_text(document, shared, extends)
        return files, [str(OWN), extends], []


def _changes(root: Path, name: str, found: Look) -> Iterator[tuple[str, str]]:
    """Files of the repository that get a line → their new text. Raises `UserError`."""
    text = text_of(root / DVC_YAML)
    longer = f"{text.rstrip()}\n{registered(name)}\n" if text else teachers_only([name])
    if name not in (parsed(longer, str(DVC_YAML)).get("artifacts") or {}):
        raise UserError(
            f"{DVC_YAML}: does not end with its `artifacts:`, where the teacher is registered; put them last"
        )
    yield str(DVC_YAML), longer
    rows = rows_attribute(found.folder)
    text = text_of(root / ATTRIBUTES)
    if rows not in text.splitlines():
        yield ATTRIBUTES, f"{text.rstrip()}\n{rows}\n"
    text = text_of(root / REQUIREMENTS)
    longer = with_extras(text, found.start.EXTRAS)
    if longer != text:
        yield REQUIREMENTS, longer


def diff_of(planned: Plan) -> str:
    """What the plan changes in files that exist, as a unified diff."""
    return "".join(
        file_diff(name, text_of(planned.root / name), text) for name, text in planned.changes.items()
    )
