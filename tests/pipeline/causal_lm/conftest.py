"""One toy road of a language model, walked once for all tests."""

from pathlib import Path
from typing import Any

import pytest

from tests.pipeline.causal_lm.toys import lm_base, lm_prepared, task
from tests.toys import language_pipeline as roads
from tests.toys.language_models import CHATML, LLAMA3, MISTRAL
from tests.toys.language_pipeline import Road

TEMPLATES = {"llama": LLAMA3, "mistral": MISTRAL, "qwen2": CHATML, "qwen3": CHATML, "gpt2": CHATML}


def walk(place: Path, family: str) -> Road:
    base = lm_base(place / "base", family, TEMPLATES[family])
    return roads.walk(place, task(), lm_prepared, base, epochs=5)


@pytest.fixture(scope="session")
def road(tmp_path_factory: pytest.TempPathFactory) -> Road:
    return walk(tmp_path_factory.mktemp("llama"), "llama")


def again(road: Road, place: Path, **values: Any) -> Path:
    """The teacher packaged anew with other keys of `package`."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(place)
        return roads.packaged(road.stages, task(), place, **values)
