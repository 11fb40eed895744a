"""The fit report in words, as a pull request shows it."""

from collections.abc import Iterator, Mapping
from typing import Any

MANY_CUT = 0.05
MANY_UNKNOWN = 0.01


def write_report(manifest: Mapping[str, Any], fit: Mapping[str, Any], stated: list[str]) -> str:
    """Markdown from the manifest, the fit report and the licences that the base's files state."""
    source = ", ".join(f"{key} `{value}`" for key, value in sorted(manifest["source"].items()))
    origin = "as its README states" if stated else "as declared; the base's files state none"
    parameters = fit["parameters"]
    stored = ", ".join(parameters["by_dtype"])
    summary = f"""\
# Base

- Source: {source}
- Architecture: `{fit["architecture"]}`, {parameters["total"]:,} parameters with the head, stored as {stored}
- Licence: {manifest["license"]} ({origin})
- Files: {len(manifest["files"])}, digest `{manifest["digest"]}`
"""
    sections = [summary, *_data(fit), *_untrained(fit["untrained"]), *_memory(fit["memory_bytes"])]
    return "\n".join(sections)


def _data(fit: Mapping[str, Any]) -> Iterator[str]:
    limit = fit["context"]["base"]
    reads = "inputs of any length" if limit is None else f"up to {limit}"
    yield "## Data\n"
    yield f"Inputs are cut at {fit['context']['declared']} tokens; the base reads {reads}.\n"
    yield "| split | examples | tokens p50 | p90 | p99 | longest | truncated | unknown tokens |"
    yield "|---|--:|--:|--:|--:|--:|--:|--:|"
    for name, data in fit["data"].items():
        lengths = " | ".join(str(value) for value in data["length"].values())
        shares = f"{data['truncated_share']:.2%} | {data['unknown_token_share']:.2%}"
        yield f"| {name} | {data['examples']} | {lengths} | {shares} |"
    yield ""
    for name, data in fit["data"].items():
        if data["truncated_share"] > MANY_CUT:
            yield f"- {data['truncated_share']:.1%} of {name} is cut; raise task.max_length.\n"
        if data["unknown_token_share"] > MANY_UNKNOWN:
            share = f"{data['unknown_token_share']:.1%}"
            yield f"- {share} of the tokens of {name} are unknown: this base was trained on other text.\n"
    unread = fit["unread_tensors"]
    if unread["count"]:
        yield f"- {unread['count']} tensors of the files are not used, such as `{unread['first'][0]}`.\n"


def _untrained(untrained: Mapping[str, Any]) -> Iterator[str]:
    yield "## Untrained\n"
    yield (
        f"Simple classifiers on frozen features, fitted on {untrained['fitted_on']} training examples, "
        f"measured on {untrained['measured_on']} validation examples. Fine-tuning must beat them.\n"
    )
    yield "| classifier | accuracy | 95 % interval |"
    yield "|---|--:|--:|"
    for name, share in untrained["accuracy"].items():
        interval = f"{share['low']:.3f}–{share['high']:.3f}"
        yield f"| {name.replace('_', ' ')} | {share['value']:.3f} | {interval} |"
    yield ""


def _memory(memory: Mapping[str, Any]) -> Iterator[str]:
    yield "## Memory\n"
    yield "| what | MiB |"
    yield "|---|--:|"
    for name, count in memory.items():
        if isinstance(count, int):
            yield f"| {name.replace('_', ' ')} | {count / (1 << 20):,.1f} |"
    yield f"\nAssumes {memory['assumptions']}.\n"
