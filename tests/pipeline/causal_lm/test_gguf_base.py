"""A base in a GGUF file through the stage `base`: pinned with its quantisation, later opened by hash."""

import json
from pathlib import Path
from typing import Any

import pytest
from transformers import LlamaConfig, LlamaForCausalLM, set_seed

from teacherspec.base.run import run_base
from teacherspec.errors import BaseModelError
from teacherspec.model_files.manifest import open_base
from teacherspec.spec.base import Base
from tests.pipeline.causal_lm.toys import lm_prepared, task
from tests.toys.language_models import CHATML, SHAPE, tiny_tokenizer

pytest.importorskip("gguf", reason="gguf is in requirements-dev.txt")
toys = pytest.importorskip("tests.toys.gguf")


def base(licence: str = "apache-2.0", **more: Any) -> Base:
    source = {"kind": "path", "folder": "models", "gguf": "tiny.gguf"}
    return Base.model_validate_json(json.dumps({"source": source, "license": licence, **more}))


@pytest.fixture(autouse=True)
def _repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for folder in ("models", "prepare"):
        Path(folder).mkdir()
    set_seed(0)
    model = LlamaForCausalLM(LlamaConfig(**{**SHAPE, "intermediate_size": 64}))
    tokenizer = tiny_tokenizer(CHATML, adds_bos=False)
    toys.write_gguf(
        Path("models/tiny.gguf"), model, tokenizer, stored_as="Q8_0", general={"license": "apache-2.0"}
    )
    lm_prepared(Path("prepare"), train=32, other=20)


def run(declared: Base) -> dict[str, Any]:
    return run_base(task(), declared, Path("prepare"), Path("reports"))


def test_manifest_and_report_state_file_hash_and_quantisation() -> None:
    fit = run(base())
    assert fit["parameters"]["by_dtype"] == {"F32": fit["parameters"]["total"]}
    manifest = json.loads(Path("reports/manifest.json").read_text())
    assert manifest["gguf"]["tensors"] == {"F32": 5, "Q8_0": 16}
    assert manifest["gguf"]["file"] == "tiny.gguf"
    assert set(manifest["files"]) >= {"config.json", "model.safetensors", "tokenizer.json"}
    report = Path("reports/report.md").read_text()
    assert "apache-2.0 (as its files state)" in report
    assert "tensors stored as 5 F32, 16 Q8_0, decoded to float32" in report
    folder = open_base(Path("reports/manifest.json"))
    assert (folder / "model.safetensors").is_file()
    pinned = base(sha256={"tiny.gguf": manifest["gguf"]["sha256"]})
    run(pinned)


def test_another_file_hash_or_licence_is_refused() -> None:
    with pytest.raises(BaseModelError, match=r"tiny\.gguf: has sha256 .*, base\.sha256 expects 000000"):
        run(base(sha256={"tiny.gguf": "0" * 64}))
    with pytest.raises(
        BaseModelError, match=r"tiny\.gguf: states licence apache-2\.0, base\.license declares"
    ):
        run(base(licence="mit"))
    assert not Path("reports").exists()


def test_a_file_that_changed_since_is_noticed_by_later_stages() -> None:
    run(base())
    content = bytearray(Path("models/tiny.gguf").read_bytes())
    content[-40] ^= 1
    Path("models/tiny.gguf").write_bytes(content)
    with pytest.raises(BaseModelError, match=r"model\.safetensors: has changed"):
        open_base(Path("reports/manifest.json"))


def test_a_gguf_that_is_not_declared_is_refused_with_the_key_that_declares_it() -> None:
    plain = Base.model_validate_json('{"source": {"kind": "path", "folder": "models"}, "license": "mit"}')
    with pytest.raises(BaseModelError, match=r"name it in `base\.source\.gguf` to have it read"):
        run(plain)
