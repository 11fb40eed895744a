"""Build the documentation as a web site: `make docs`, or `python -m docs.site` where mkdocs is installed.

The pages are the Markdown files of the repository, which GitHub shows as well. So that links hold on
both, they are copied with their folders, and a link to a folder or a file of code leads to a copy of it.
"""

import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
CONFIG = ROOT / "mkdocs.yml"
PAGES = ROOT / ".scratch/docs/pages"

SOURCES = (
    "README.md",
    "CHANGELOG.md",
    "CONTRIBUTING.md",
    "docs/*.md",
    "docs/reference/*.md",
    "examples/*/README.md",
    "benchmarks/README.md",
    "benchmarks/*/README.md",
    "data/*/README.md",
)
"""Files that are pages, as patterns from the root."""

LINK = re.compile(r"(\]\()([^)\s#]+)(#[^)\s]*)?(\))")
BLOCK = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)


def pages() -> list[str]:
    """The files that are pages, from the root."""
    return sorted({path.relative_to(ROOT).as_posix() for name in SOURCES for path in ROOT.glob(name)})


def copied(name: str) -> Iterator[tuple[str, str]]:
    """The file `name` of the site with its text, then files that it links to and that are no pages.

    Raises:
        ValueError: a link leads nowhere.
    """
    text, known = (ROOT / name).read_text(encoding="utf-8"), set(pages())
    linked: dict[str, str] = {}

    def replaced(found: re.Match[str]) -> str:
        before, link, heading, after = found[1], found[2], found[3] or "", found[4]
        if re.match(r"[a-z]+:", link):
            return found[0]
        target = (ROOT / name).parent.joinpath(link).resolve()
        own = target.relative_to(ROOT).as_posix()
        if target.is_dir():
            if f"{own}/README.md" in known:
                return f"{before}{link.rstrip('/')}/README.md{heading}{after}"
            listing = f"{own}.folder.md"
            linked[listing] = folder_page(own)
            return f"{before}{link.rstrip('/')}.folder.md{after}"
        if not target.is_file():
            raise ValueError(f"{name}: {link} leads nowhere")
        if own not in known:
            shown = f"{own}.file.md"
            linked[shown] = file_page(own)
            return f"{before}{link}.file.md{after}"
        return found[0]

    blocks = BLOCK.findall(text)
    parts = [LINK.sub(replaced, part) for part in BLOCK.split(text)]
    blocks.append("")
    yield name, "".join(part + block for part, block in zip(parts, blocks, strict=True))
    yield from linked.items()


def file_page(name: str) -> str:
    """A page that shows a file of code or data."""
    text = (ROOT / name).read_text(encoding="utf-8", errors="replace")
    fence = "`" * max(3, 1 + max(map(len, re.findall(r"`+", text)), default=0))
    return (
        f"# {Path(name).name}\n\n`{name}`\n\n{fence}{Path(name).suffix.removeprefix('.')}\n{text}\n{fence}\n"
    )


def folder_page(name: str) -> str:
    """A page that names the files of a folder."""
    files = sorted(path.relative_to(ROOT / name).as_posix() for path in (ROOT / name).rglob("*"))
    lines = [f"- `{file}`" for file in files if "__pycache__" not in file]
    return f"# {name}\n\n" + "\n".join(lines) + "\n"


def stage_pages(folder: Path) -> None:
    """Write every page of the site into `folder`, which is emptied before. Raises `ValueError`."""
    shutil.rmtree(folder, ignore_errors=True)
    for page in pages():
        for name, text in copied(page):
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    stage_pages(PAGES)
    # Not `--quiet`: mkdocs would not count the warnings that `--strict` refuses.
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--config-file", str(CONFIG)]
    raise SystemExit(subprocess.run(command, check=False).returncode)
