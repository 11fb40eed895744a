import os
import resource
import shutil
from pathlib import Path

import pytest

from teacherspec.errors import BaseModelError
from teacherspec.model_files.security_scan import check_folder
from teacherspec.model_files.tokenizer_checks import growing_texts
from tests.toys.text import toy_base
from tests.unit.base.hostile import AT_THE_GATE, CANARY


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return toy_base(tmp_path_factory.mktemp("good") / "base")


@pytest.fixture
def folder(good: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(good, tmp_path / "base"))


def test_a_good_folder_passes_with_all_it_holds(folder: Path) -> None:
    contents = check_folder(folder)
    assert contents.files == tuple(sorted(path.name for path in folder.iterdir()))
    assert contents.config["model_type"] == "bert"
    assert contents.tensors["embeddings.word_embeddings.weight"].shape == (26, 32)


@pytest.mark.parametrize("name", AT_THE_GATE)
def test_refuses_unsafe_files(name: str, folder: Path) -> None:
    spoil, refusal = AT_THE_GATE[name]
    spoil(folder)
    with pytest.raises(BaseModelError) as refused:
        check_folder(folder)
    assert refusal in str(refused.value)
    assert all(str(folder) in problem and "\n" not in problem for problem in refused.value.problems)
    assert not (folder.parent / CANARY).exists()


def test_the_canary_would_sing(folder: Path) -> None:
    """The negative control: unpickling the hostile file does leave the trace that the tests look for."""
    import pickle

    AT_THE_GATE["pickle next to weights"][0](folder)
    pickle.loads((folder / "pytorch_model.bin").read_bytes())  # noqa: S301 our own
    assert (folder.parent / CANARY).exists()


def test_reports_every_fault_at_once(folder: Path) -> None:
    (folder / "evil.py").write_text("x")
    (folder / "model.bin").write_text("x")
    (folder / "config.json").write_text('{"auto_map": {"a": "b"}, "vocab_size": -1}')
    (folder / "model.safetensors").write_bytes(b"")
    with pytest.raises(BaseModelError) as refused:
        check_folder(folder)
    assert len(refused.value.problems) == 4


def test_missing_folder_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(BaseModelError, match="no such folder") as refused:
        check_folder(tmp_path / "nowhere")
    assert len(refused.value.problems) == 1


def test_links_of_a_hub_snapshot_stay_inside_its_blobs(good: Path, tmp_path: Path) -> None:
    snapshot = tmp_path / "models--a--b/snapshots" / ("0" * 40)
    blobs = snapshot.parent.parent / "blobs"
    snapshot.mkdir(parents=True)
    blobs.mkdir()
    for path in good.iterdir():
        shutil.copyfile(path, blobs / path.name)
        (snapshot / path.name).symlink_to(f"../../blobs/{path.name}")
    assert check_folder(snapshot).config["model_type"] == "bert"

    (snapshot / "config.json").unlink()
    (snapshot / "config.json").symlink_to(good / "config.json")
    with pytest.raises(BaseModelError, match="is a link to"):
        check_folder(snapshot)


def test_old_but_harmless_keys_pass(folder: Path) -> None:
    import json

    path = folder / "config.json"
    old = {
        "_name_or_path": "nreimers/MiniLM-L6-H384-uncased",
        "task_specific_params": {"translation": {"prefix": "translate English to German: "}},
        "id2label": {"0": "a/b", "1": "it's: fine"},
        "label2id": {"auto_map": 1, "_x": 2},
        "pos_att_type": "c2p|p2c",
        "position_embedding_type": "absolute",
        "auto_map": None,
        "use_kernels": False,
        "_attn_implementation": "sdpa",
        "_attn_implementation_autoset": True,
        "text_config": {"_sliding_window_pattern": 6, "_name_or_path": "lmsys/vicuna-7b-v1.5"},
        "pooler_type": "first_token_transform",
        "transformers_version": "4.6.0.dev0",
    }
    path.write_text(json.dumps(json.loads(path.read_text()) | old))
    assert check_folder(folder).config["pos_att_type"] == "c2p|p2c"


def test_memory_stays_bounded_on_large_weights(tmp_path: Path) -> None:
    """Half a gigabyte of zeros passes through a process that may map less than that in all."""
    import struct
    import subprocess
    import sys

    elements = 1 << 27
    header = f'{{"a":{{"dtype":"F32","shape":[{elements}],"data_offsets":[0,{4 * elements}]}}}}'.encode()
    with (tmp_path / "model.safetensors").open("wb") as file:
        file.write(struct.pack("<Q", len(header)) + header)
        file.truncate(8 + len(header) + 4 * elements)
    (tmp_path / "config.json").write_text('{"model_type": "bert"}')
    code = (
        "import sys, pathlib; from teacherspec.model_files.security_scan import check_folder; "
        "check_folder(pathlib.Path(sys.argv[1]))"
    )
    limit = 400 << 20

    def limited() -> None:
        resource.setrlimit(resource.RLIMIT_AS, (limit, limit))

    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path)],
        preexec_fn=limited,
        capture_output=True,
        text=True,
        env=os.environ | {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"},
        cwd=Path(__file__).parents[3],
        timeout=60,
    )
    assert done.returncode == 0, done.stderr


def test_replacements_that_do_not_feed_each_other_are_allowed() -> None:
    """Quotes, fractions and blanks as public tokenizers replace them: many steps, none after another."""
    steps = [{"type": "Replace", "pattern": {"String": sign}, "content": f"{sign}-/-2"} for sign in "½⅓¼⅕⅙⅛"]
    quotes = [{"type": "Replace", "pattern": {"String": "``"}, "content": '"'}] * 9
    tokenizer = {"normalizer": {"type": "Sequence", "normalizers": [*steps, *quotes, {"type": "NFKC"}]}}
    assert list(growing_texts(tokenizer)) == []
    assert list(growing_texts({"normalizer": None, "decoder": {"type": "ByteLevel"}})) == []
