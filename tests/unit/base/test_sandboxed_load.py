import json
import shutil
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from teacherspec.base.sandboxed_load import ProbeRows, load_in_sandbox
from teacherspec.errors import BaseModelError
from teacherspec.model_files.security_scan import check_folder
from teacherspec.splits import open_split
from teacherspec.tasks.text_classification.task import TextClassification
from tests.toys.text import toy_base, toy_split
from tests.unit.base.hostile import IN_REHEARSAL, growing

TASK = TextClassification(kind="text_classification", max_length=16)
TEXT = "the rain is very cold today " * 4
REAL = Path(__file__).parents[4] / "shared/data/models"


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return toy_base(tmp_path_factory.mktemp("good") / "base")


@pytest.fixture
def rows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., ProbeRows]:
    """Makes a probe_rows of one split with the given texts."""
    monkeypatch.chdir(tmp_path)

    def make(*texts: str) -> ProbeRows:
        split = toy_split(tmp_path, "train", "train", list(texts or (TEXT,)), [0] * max(1, len(texts)))
        open_split(split)
        return ProbeRows(TASK, {"train": split})

    return make


def test_shapes_without_weights(good: Path, rows: Callable[..., ProbeRows]) -> None:
    built = load_in_sandbox(good, rows())
    assert built.architecture == "BertModel"
    assert (built.context, built.embeddings, built.tokens) == (32, 26, 26)
    # Embeddings 26+32+2 rows and a norm, two layers, the pooler, all 32 wide with 64 inside.
    layer = 4 * (32 * 32 + 32) + 2 * 32 * 64 + 64 + 32 + 4 * 32
    assert built.parameters == (26 + 32 + 2 + 2) * 32 + 2 * layer + 32 * 32 + 32
    assert built.unread == ()


@pytest.mark.parametrize("name", IN_REHEARSAL)
def test_refuses_hostile_files(name: str, good: Path, tmp_path: Path, rows: Callable[..., ProbeRows]) -> None:
    spoil, refusal = IN_REHEARSAL[name]
    folder = Path(shutil.copytree(good, tmp_path / "base"))
    spoil(folder)
    check_folder(folder)
    begin = time.monotonic()
    with pytest.raises(BaseModelError) as refused:
        load_in_sandbox(folder, rows(), cpu_seconds=2, memory_bytes=1 << 30)
    assert refusal in str(refused.value)
    assert all(str(folder) in problem and "\n" not in problem for problem in refused.value.problems)
    assert time.monotonic() - begin < 60


def test_the_terminal_stays_silent(good: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    folder = Path(shutil.copytree(good, tmp_path / "base"))
    IN_REHEARSAL["broken tokenizer"][0](folder)
    with pytest.raises(BaseModelError):
        load_in_sandbox(folder)
    assert capfd.readouterr() == ("", "")


def test_a_template_may_refuse_a_conversation(good: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(good, tmp_path / "base"))
    (folder / "chat_template.jinja").write_text("{{ raise_exception('only system messages') }}")
    assert load_in_sandbox(folder).tokens == 26


@pytest.mark.skipif(not REAL.is_dir(), reason=f"real models are not at {REAL}")
@pytest.mark.parametrize(
    ("model", "architecture", "context", "unread"),
    [
        ("stories260K/hf", "LlamaModel", 512, ()),
        ("mobilenet_v1_0.25_128_hf", "MobileNetV1Model", None, ("classifier.bias", "classifier.weight")),
    ],
)
def test_other_families_pass(
    model: str, architecture: str, context: int | None, unread: tuple[str, ...]
) -> None:
    check_folder(REAL / model)
    built = load_in_sandbox(REAL / model)
    assert (built.architecture, built.context, built.unread) == (architecture, context, unread)


def panicking(folder: Path) -> None:
    """A regular expression that backtracks without end on digits alone."""
    path = folder / "tokenizer.json"
    content = json.loads(path.read_text())
    pattern = {"Regex": "(?:\\d+\\s?)+(?<=x)"}
    content["pre_tokenizer"] = {
        "type": "Split", "pattern": pattern, "behavior": "Isolated", "invert": False,
    }  # fmt: skip
    path.write_text(json.dumps(content))


@pytest.mark.parametrize(
    ("spoil", "rare"),
    [(growing(*[({"String": "zebra"}, "zebra " * 10)] * 7), "zebra"), (panicking, "1234567890 " * 4)],
)
def test_what_only_a_late_row_meets_is_met_here(
    spoil: Callable[[Path], None], rare: str, good: Path, tmp_path: Path, rows: Callable[..., ProbeRows]
) -> None:
    folder = Path(shutil.copytree(good, tmp_path / "base"))
    spoil(folder)
    ordinary = ["the rain is cold"] * 1_200
    limits = {"cpu_seconds": 5, "memory_bytes": 1 << 30}
    assert load_in_sandbox(folder, rows(*ordinary), **limits).tokens == 26
    with pytest.raises(BaseModelError, match=r"tokenizer, rows of train: .*; choose another base"):
        load_in_sandbox(folder, rows(*ordinary, rare), **limits)
