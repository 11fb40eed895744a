"""The report of the stage `base` as Markdown."""

from collections.abc import Iterator, Mapping
from typing import Any

from teacherspec.base.baseline import Describe
from teacherspec.base.candidates.report import describe_candidates
from teacherspec.tasks.shared.interfaces.kind import Kind


def write_report(
    task: Kind,
    manifest: Mapping[str, Any],
    fit: Mapping[str, Any],
    candidates: Mapping[str, Any],
    stated: list[str],
    describe_baseline: Describe,
) -> str:
    """Markdown from manifest, fit report, comparison of candidates and the licences that the files state."""
    source = ", ".join(f"{key} `{value}`" for key, value in sorted(manifest["source"].items()))
    if layers := manifest.get("layers"):
        source += f"; its first {layers} layers"
    origin = "as its files state" if stated else "as declared; the base's files state none"
    parameters = fit["parameters"]
    stored = ", ".join(parameters["by_dtype"]) or "none: all weights are random"
    summary = f"""\
# Base

- Source: {source}
- Architecture: `{fit["architecture"]}`, {parameters["total"]:,} parameters with the head, stored as {stored}
- Licence: {manifest["license"]} ({origin})
- Files: {len(manifest["files"])}, digest `{manifest["digest"]}`
"""
    untrained = describe_baseline(fit["untrained"])
    notes = [*_gguf(manifest), *_head(fit), *_unread(fit)]
    compared = describe_candidates(candidates) if candidates else ()
    fitted = [*task.describe_fit(fit), *notes, *untrained, *_memory(fit["memory_bytes"])]
    sections = [summary, *compared, *fitted]
    return "\n".join(sections)


def _gguf(manifest: Mapping[str, Any]) -> Iterator[str]:
    if read := manifest.get("gguf"):
        types = ", ".join(f"{count} {name}" for name, count in read["tensors"].items())
        yield (
            f"- Read from `{read['file']}` ({read['bytes']:,} bytes, SHA-256 `{read['sha256']}`): tensors "
            f"stored as {types}, decoded to float32. What that storage lost stays lost; it is not measured.\n"
        )


def _head(fit: Mapping[str, Any]) -> Iterator[str]:
    head = fit.get("head")
    if head and head["declared_tied"] and not head["tied"]:
        yield (
            "- config.json ties the head to the token embedding, and the files hold a head with values of "
            "its own. These are used, and the teacher's config says untied; transformers 4 reads the base "
            "otherwise.\n"
        )


def _unread(fit: Mapping[str, Any]) -> Iterator[str]:
    unread = fit["unread_tensors"]
    if unread["count"]:
        yield f"- {unread['count']} tensors of the files are not used, such as `{unread['first'][0]}`.\n"


def _memory(memory: Mapping[str, Any]) -> Iterator[str]:
    yield "## Memory\n"
    yield "| what | MiB |"
    yield "|---|--:|"
    for name, count in memory.items():
        if isinstance(count, int):
            yield f"| {name.replace('_', ' ')} | {count / (1 << 20):,.1f} |"
    yield f"\nAssumes {memory['assumptions']}.\n"
