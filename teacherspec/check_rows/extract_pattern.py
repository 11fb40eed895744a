"""Whether `evaluate.generation.extract` finds an answer in the references that `evaluate` compares with."""

from collections.abc import Iterator, Mapping

from teacherspec.evaluation_rows.prompts import ANSWERED, gather_prompts
from teacherspec.metrics.text_generation import extract
from teacherspec.spec.generation import Generation
from teacherspec.splits import Split, load_places, open_split
from teacherspec.tasks.shared.generation_task import GenerationTask


def pattern_problems(
    task: GenerationTask, generation: Generation, splits: Mapping[str, Split]
) -> Iterator[str]:
    """One line for each split with prompts none of whose references has a match; the first by file and line.

    Args:
        task: the declared task.
        generation: `params.yaml: evaluate.generation`.
        splits: name → prepared split, with those of `ANSWERED`.
    """
    pattern = generation.extract
    if pattern is None:
        return
    for split in (splits[name] for name in ANSWERED):
        prompts = gather_prompts(task, open_split(split), generation.rows)
        unmatched = [
            at
            for at, texts in enumerate(prompts.references)
            if all(extract(pattern, text) is None for text in texts)
        ]
        if not unmatched:
            continue
        first = unmatched[0]
        places = load_places(split)
        where = f"row {prompts.rows[first]['id']}" if places is None else places[prompts.numbers[first]]
        yield (
            f"evaluate.generation.extract: {pattern!r} matches in no answer to {len(unmatched):,} of "
            f"{len(prompts.rows):,} prompts of {split.name}, the first {where}: "
            f"{prompts.references[first][0]!r}; correct the pattern or the rows"
        )
