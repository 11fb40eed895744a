"""How often each stage would have been stale in the project's own history, by folders and by exact imports.

    python -m benchmarks.pipeline.rerun_history [--until COMMIT]

The files that each commit changed are followed through later renames to where they are now. A stage counts
as stale in a commit that changed a file it depends on: `folders` counts by what `dvc.yaml` declares,
`imports` by the files that the stage imports. The difference is what re-runs too much. Params, data and
libraries are left out.
"""

import subprocess
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

import click

from tests.policy.declared_code import Pipeline, lies_in

ROOT = Path(__file__).parents[2]
KIND = "text_classification"


def changes(until: str) -> Iterator[tuple[str, set[str]]]:
    """From the newest commit to the oldest: hash, and the changed files by the paths that they have now."""
    command = ["git", "log", "--no-merges", "--format=@%H", "--name-status", "-M", "-l10000"]
    text = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    counted = set(lines("git", "rev-list", "--no-merges", until))
    now: dict[str, str] = {}
    for block in text.split("@")[1:]:
        commit, *rest = block.splitlines()
        files = set()
        for status, *paths in (line.split("\t") for line in rest if line):
            path = now.get(paths[-1], paths[-1])
            if status.startswith("R"):
                now[paths[0]] = path
            files.add(path)
        if commit in counted:
            yield commit, files


def lines(*command: str) -> list[str]:
    """What a command prints."""
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    return done.stdout.split()


def stale(commits: Iterable[set[str]], deps: Iterable[str]) -> int:
    """Commits that changed one of the files, or a file in one of the folders."""
    listed = tuple(deps)
    return sum(any(lies_in(file, dep) for file in files for dep in listed) for files in commits)


def table(commits: list[set[str]]) -> Mapping[str, tuple[int, int]]:
    """Stage → commits in which it would have been stale by folders, and by imports."""
    pipeline = Pipeline(ROOT)
    return {
        stage: (
            stale(commits, pipeline.declared(stage, KIND)),
            stale(commits, pipeline.used(stage, KIND)),
        )
        for stage in pipeline.stages
    }


@click.command()
@click.option("--until", default="HEAD", help="Count this commit and its ancestors only.")
def main(until: str) -> None:
    """Print the table for a teacher of texts."""
    commits = [files for _, files in changes(until)]
    print(f"{len(commits)} commits\n\n| stage | folders | imports | too much |\n|---|--:|--:|--:|")
    for stage, (folders, imports) in table(commits).items():
        print(f"| `{stage}` | {folders} | {imports} | {folders - imports} |")


if __name__ == "__main__":
    main()
