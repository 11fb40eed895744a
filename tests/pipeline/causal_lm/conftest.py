"""A toy language model taken through the pipeline once for all tests."""

from pathlib import Path
from typing import Any

import pytest

from tests.pipeline.causal_lm.toys import lm_base, lm_prepared, task
from tests.toys import language_pipeline
from tests.toys.language_models import CHATML, LLAMA3, MISTRAL
from tests.toys.language_pipeline import PipelineRun

TEMPLATES = {"llama": LLAMA3, "mistral": MISTRAL, "qwen2": CHATML, "qwen3": CHATML, "gpt2": CHATML}


def run_pipeline(place: Path, family: str) -> PipelineRun:
    base = lm_base(place / "base", family, TEMPLATES[family])
    return language_pipeline.run_pipeline(place, task(), lm_prepared, base, epochs=5)


@pytest.fixture(scope="session")
def pipeline_run(tmp_path_factory: pytest.TempPathFactory) -> PipelineRun:
    return run_pipeline(tmp_path_factory.mktemp("llama"), "llama")


def package_again(pipeline_run: PipelineRun, place: Path, **values: Any) -> Path:
    """The teacher packaged anew with other keys of `package`."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(place)
        return language_pipeline.packaged(pipeline_run.stages, task(), place, **values)
