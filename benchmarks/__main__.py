"""Write the table of all benchmarks, benchmarks/README.md, from what each has recorded.

    python -m benchmarks

Runs no benchmark: each is run by the command in its line, and records its ratios next to its page.
"""

from pathlib import Path

from benchmarks.page import fill
from benchmarks.pipeline.stage_times import StageTimes
from benchmarks.ratios import FOLDER, Ratio, load

README = FOLDER / "README.md"


def pages(folder: Path = FOLDER) -> list[Path]:
    """The folder of every benchmark: those with a page."""
    return sorted(path.parent for path in folder.glob("*/README.md"))


def title(folder: Path) -> str:
    """The heading of a page."""
    return (folder / "README.md").read_text(encoding="utf-8").partition("\n")[0].removeprefix("# ")


def ratio_line(folder: Path, ratio: Ratio) -> str:
    """A line of the table of ratios."""
    found = "not measured" if ratio.ratio is None else f"{ratio.ratio:.2f} ×"
    note = f" ({ratio.note})" if ratio.note else ""
    return (
        f"| [{folder.name}]({folder.name}/README.md) | {ratio.what} | {ratio.peer} | {ratio.measure} "
        f"| {found}{note} | {ratio.date or '–'} | {ratio.machine or '–'} | `{ratio.command}` |"
    )


def ratio_table(folders: list[Path]) -> list[str]:
    """All ratios, in the order of the pages, as Markdown."""
    head = "| page | what | against | measure | theirs ÷ ours | date | machine | command |"
    lines = [ratio_line(folder, ratio) for folder in folders for ratio in load(folder)]
    return ["", head, "|---|---|---|---|--:|---|---|---|", *lines, ""]


def other_pages(folders: list[Path]) -> list[str]:
    """Pages that compare quality, not cost: without a ratio."""
    without = [folder for folder in folders if not load(folder)]
    return ["", *(f"- [{folder.name}]({folder.name}/README.md): {title(folder)}" for folder in without), ""]


def parts(times: StageTimes) -> dict[str, list[str]]:
    """Name of each marked part of the page → its lines."""
    folders = pages()
    return {
        "ratios": ratio_table(folders),
        "pipeline": ["", *times.table(), ""],
        "others": other_pages(folders),
    }


def main() -> None:
    """Fill the page; stage times of a build in this working tree are recorded first."""
    times = StageTimes.of_last_build() or StageTimes.recorded()
    times.record()
    for name, lines in parts(times).items():
        fill(README, name, lines)


if __name__ == "__main__":
    main()
