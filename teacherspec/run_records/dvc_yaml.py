"""The stages that `dvc.yaml` declares, with `${…}` filled in from `params.yaml` as DVC does."""

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from teacherspec.errors import UserError
from teacherspec.run_records.conflicts import refuse_conflict, tracked_text
from teacherspec.run_records.parsed_before import parsed_once

DVC_YAML, LOCK, PARAMS = Path("dvc.yaml"), Path("dvc.lock"), Path("params.yaml")
TEMPLATE = re.compile(r"\$\{([\w.-]+)\}")


@dataclass(frozen=True)
class DeclaredStage:
    """One stage of `dvc.yaml`.

    Attributes:
        name: of the stage.
        command: that DVC runs.
        deps: paths it reads.
        params: file → keys of it, dots between parts; no keys: the whole file.
        cached: outs in DVC's cache.
        in_git: outs, metrics and plots in git.
        frozen: `dvc freeze` was used on it: DVC never runs it.
    """

    name: str
    command: str
    deps: tuple[str, ...]
    params: Mapping[str, tuple[str, ...]]
    cached: tuple[str, ...]
    in_git: tuple[str, ...]
    frozen: bool

    @property
    def outs(self) -> tuple[str, ...]:
        """Everything it writes that DVC records."""
        return self.cached + self.in_git


def parse_yaml(text: str) -> Any:
    """Parse YAML 1.2, as DVC reads it."""
    from ruamel.yaml import YAML

    return YAML(typ="safe", pure=True).load(text)


def declared_stages(root: Path = Path()) -> dict[str, DeclaredStage]:
    """All stages of `dvc.yaml`, in its order.

    Raises:
        UserError: there is none, it declares no stage or is not YAML, or a `${…}` names nothing in
            `params.yaml`.
    """
    if not (root / DVC_YAML).is_file():
        raise UserError(f"{DVC_YAML}: no such file; run this in the folder of the project that holds it")
    declared, params = _values(root, DVC_YAML), _values(root, PARAMS)
    if not (isinstance(declared, dict) and isinstance(declared.get("stages"), dict) and declared["stages"]):
        raise UserError(f"{DVC_YAML}: declares no stage; restore it from git")
    return stages_in(declared, params)


def declared_artifacts(root: Path) -> dict[str, str]:
    """Name → path of the artifacts that `dvc.yaml` in a folder declares; none where it declares none.

    Raises:
        UserError: it holds an unresolved conflict, or cannot be parsed.
    """
    declared = _values(root, DVC_YAML)
    artifacts = declared.get("artifacts") if isinstance(declared, dict) else None
    found = artifacts.items() if isinstance(artifacts, dict) else ()
    return {str(name): str(about.get("path")) for name, about in found if isinstance(about, dict)}


def parsed(text: str, where: str) -> Any:
    """The values of a text in TOML, where its name ends so, or YAML; empty where it holds none.

    Raises:
        UserError: it holds an unresolved conflict, or cannot be parsed.
    """
    from ruamel.yaml.error import YAMLError

    refuse_conflict(text, where)
    try:
        return (tomllib.loads if where.endswith(".toml") else parse_yaml)(text) or {}
    except (YAMLError, ValueError) as error:  # every mistake, with its place
        raise UserError(f"{where}: cannot be read: {' '.join(str(error).split())}") from None


def stages_in(declared: Mapping[str, Any], params: Mapping[str, Any]) -> dict[str, DeclaredStage]:
    """The stages of a `dvc.yaml` with the values of a `params.yaml`, both as nested values.

    Raises:
        UserError: a `${…}` names nothing in `params`.
    """
    return {name: _stage(name, _filled(entry, params)) for name, entry in declared["stages"].items()}


def _stage(name: str, entry: Mapping[str, Any]) -> DeclaredStage:
    cached: list[str] = []
    in_git: list[str] = []
    for kind in ("outs", "metrics", "plots"):
        for out in entry.get(kind, ()):
            path, flags = (out, {}) if isinstance(out, str) else next(iter(out.items()))
            (cached if flags.get("cache", True) else in_git).append(path)
    params: dict[str, list[str]] = {}
    for item in entry.get("params", ()):
        for file, keys in {str(PARAMS): [item]}.items() if isinstance(item, str) else item.items():
            params.setdefault(file, []).extend(keys or ())
    return DeclaredStage(
        name=name,
        command=str(entry["cmd"]),
        deps=tuple(entry.get("deps", ())),
        params={file: tuple(keys) for file, keys in params.items()},
        cached=tuple(cached),
        in_git=tuple(in_git),
        frozen=entry.get("frozen") is True,
    )


def _filled(value: Any, params: Mapping[str, Any]) -> Any:
    if isinstance(value, str):
        return TEMPLATE.sub(lambda match: str(_template(params, match[1])), value)
    if isinstance(value, list):
        return [_filled(item, params) for item in value]
    if isinstance(value, dict):
        return {_filled(key, params): _filled(item, params) for key, item in value.items()}
    return value


def _template(params: Mapping[str, Any], key: str) -> Any:
    found = lookup(params, key)
    if found is MISSING:
        raise UserError(f"{DVC_YAML}: ${{{key}}} names nothing in {PARAMS}")
    return found


MISSING = object()


def lookup(values: Any, key: str) -> Any:
    """The value under a dotted key, or `MISSING`."""
    for part in key.split("."):
        if not isinstance(values, dict) or part not in values:
            return MISSING
        values = values[part]
    return values


def params_now(stage: DeclaredStage, root: Path = Path()) -> dict[str, dict[str, Any]]:
    """File → key → value of every declared param that exists.

    Raises:
        UserError: a file cannot be parsed.
    """
    return _declared(stage, {file: _values(root, Path(file)) for file in stage.params})


def params_of(stage: DeclaredStage, texts: Mapping[str, str]) -> dict[str, dict[str, Any]]:
    """The same from the text of each file that exists. Raises `UserError` for one that cannot be parsed."""
    return _declared(stage, {file: parsed(texts.get(file, ""), file) for file in stage.params})


def _declared(stage: DeclaredStage, values: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = {}
    for file, keys in stage.params.items():
        pairs = {key: lookup(values[file], key) for key in keys or values[file]}
        found[file] = {key: value for key, value in pairs.items() if value is not MISSING}
    return found


def _values(root: Path, path: Path) -> Any:
    """The values in a file in git, which is parsed once for all who read the same text."""
    return parsed_once(
        tracked_text(root, path), path.as_posix(), root, partial(parsed, where=path.as_posix())
    )
