"""A toy language model taken through the pipeline once for all tests."""

from pathlib import Path
from typing import Any

import pytest

from tests.pipeline.causal_lm.toys import lm_base, lm_prepared, task
from tests.toys import language_pipeline
from tests.toys.chat_templates import CHATML, MISTRAL_V03, QWEN3
from tests.toys.language_models import LLAMA3
from tests.toys.language_pipeline import PipelineRun

DATED = "{{ strftime_now('%d %b %Y') }}" + LLAMA3
"""The present day in every prompt, as in Llama 3.2, in fewer tokens."""

TEMPLATES = {"llama": DATED, "mistral": MISTRAL_V03, "qwen2": CHATML, "qwen3": QWEN3, "gpt2": CHATML}
DECLARED = {"llama": {"rendering": {"kind": "chat", "today": "2024-07-26"}}}


def run_pipeline(place: Path, family: str) -> PipelineRun:
    base = lm_base(place / "base", family, TEMPLATES[family])
    kind = task(**DECLARED.get(family, {}))
    return language_pipeline.run_pipeline(place, kind, lm_prepared, base, epochs=5)


@pytest.fixture(scope="session")
def pipeline_run(tmp_path_factory: pytest.TempPathFactory) -> PipelineRun:
    return run_pipeline(tmp_path_factory.mktemp("llama"), "llama")


def package_again(pipeline_run: PipelineRun, place: Path, **values: Any) -> Path:
    """The teacher packaged anew with other keys of `package`."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(place)
        return language_pipeline.packaged(pipeline_run.stages, task(**DECLARED["llama"]), place, **values)
