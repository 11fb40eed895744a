"""The result of a rebuild as lines for the terminal."""

from collections.abc import Iterator

from teacherspec.compare.report.formatting import measured, signed
from teacherspec.release.rebuild import LEVELS, Rebuild

FILES_SHOWN = 8


def rebuild_report(found: Rebuild) -> Iterator[str]:
    """The result first, then what differs and why."""
    same = sum(output.identical for output in found.outputs)
    yield f"{found.tag} ({found.commit[:8]}): {found.level}: {LEVELS[found.level]}"
    yield f"{same} of {len(found.outputs)} outputs have the recorded hash"
    for output in found.outputs:
        if not output.identical:
            hashes = f"{output.recorded} → {output.built or 'absent'}"
            yield f"differs: {output.path} (stage {output.stage}): {hashes}"
            yield from (f"  {name}" for name in output.files[:FILES_SHOWN])
            if len(output.files) > FILES_SHOWN:
                yield f"  and {len(output.files) - FILES_SHOWN} more files"
        if output.recorded_state != "intact":
            yield f"recorded bytes {output.recorded_state}: {output.path}"
    for number in found.numbers:
        change = "" if number.change is None else f" ({signed(number.change)})"
        yield f"number: {number.metric}: {measured(number.before)} → {measured(number.after)}{change}"
    yield from (f"cause: {cause}" for cause in found.causes)
