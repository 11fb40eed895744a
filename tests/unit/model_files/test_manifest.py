import hashlib
import json
from pathlib import Path

import pytest

from teacherspec.base.pin import pin, stated_licenses
from teacherspec.errors import BaseModelError
from teacherspec.model_files.manifest import open_base, pinned_base
from teacherspec.model_files.security_scan import check_folder
from teacherspec.runtime.atomic_io import write_json
from teacherspec.spec.base import Base
from tests.toys.text import toy_base

MANIFEST = Path("reports/base/manifest.json")


def declared(folder: str = "model", licence: str = "cc0-1.0", sha256: dict[str, str] | None = None) -> Base:
    section = {"source": {"kind": "path", "folder": folder}, "license": licence, "sha256": sha256}
    return Base.model_validate_json(json.dumps(section))


@pytest.fixture(autouse=True)
def _pinned(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A repository with a base and its manifest."""
    monkeypatch.chdir(tmp_path)
    toy_base(Path("model"))
    contents = check_folder(Path("model"))
    write_json(MANIFEST, pin(declared(), Path("model"), contents.files, contents.config))


def test_the_manifest_holds_every_byte_and_nothing_measured() -> None:
    manifest = json.loads(MANIFEST.read_text())
    declared_keys = {"source", "license", "pooling", "init", "reproducibility"}
    assert set(manifest) == declared_keys | {"architecture", "architectures", "files", "digest"}
    assert set(manifest["files"]) == {path.name for path in Path("model").iterdir()}
    for name, entry in manifest["files"].items():
        content = Path("model", name).read_bytes()
        assert entry == {"bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}


def test_the_digest_covers_names_and_contents() -> None:
    contents = check_folder(Path("model"))

    def digest() -> str:
        files = tuple(sorted(path.name for path in Path("model").iterdir()))
        return str(pin(declared(), Path("model"), files, contents.config)["digest"])

    first = digest()
    assert digest() == first
    Path("model/tokenizer_config.json").rename("model/added_tokens.json")
    renamed = digest()
    Path("model/added_tokens.json").write_text("{}")
    assert len({first, renamed, digest()}) == 3


def test_an_unchanged_base_opens() -> None:
    assert open_base(MANIFEST) == Path("model")


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        (lambda model: (model / "config.json").write_text("{}"), "model/config.json: has changed"),
        (lambda model: (model / "tokenizer.json").unlink(), "model/tokenizer.json: is missing"),
        (lambda model: (model / "modeling.py").write_text("evil"), "model/modeling.py: is new"),
        (lambda model: (model / "more").mkdir(), "model/more: is new"),
    ],
)
def test_any_difference_is_refused(change: object, complaint: str) -> None:
    assert callable(change)
    change(Path("model"))
    with pytest.raises(BaseModelError, match=complaint):
        open_base(MANIFEST)


def test_one_flipped_bit_of_the_weights_is_refused() -> None:
    weights = Path("model/model.safetensors")
    content = bytearray(weights.read_bytes())
    content[-1] ^= 1
    weights.write_bytes(content)
    with pytest.raises(BaseModelError, match=r"model\.safetensors: has changed"):
        open_base(MANIFEST)


def test_later_stages_read_how_the_base_was_declared() -> None:
    assert pinned_base(MANIFEST) == declared()


def test_no_manifest_or_another_file_is_refused() -> None:
    write_json(Path("other.json"), {"source": {"kind": "path"}})
    with pytest.raises(BaseModelError, match="is no manifest of a base"):
        pinned_base(Path("other.json"))
    with pytest.raises(BaseModelError, match="not found; run the stage `base` first"):
        open_base(Path("nowhere.json"))


def test_declared_hashes_are_compared() -> None:
    contents = check_folder(Path("model"))
    right = hashlib.sha256(Path("model/config.json").read_bytes()).hexdigest()
    pin(declared(sha256={"config.json": right}), Path("model"), contents.files, contents.config)
    wrong = declared(sha256={"config.json": "0" * 64, "none.json": right})
    with pytest.raises(BaseModelError) as refused:
        pin(wrong, Path("model"), contents.files, contents.config)
    changed, missing = refused.value.problems
    assert f"model/config.json: has sha256 {right}, base.sha256 expects 000" in changed
    assert "base.sha256.none.json: no such file" in missing


@pytest.mark.parametrize(
    ("front", "stated"),
    [
        ("license: apache-2.0", ["apache-2.0"]),
        ("language: en\nlicense: 'MIT'\ntags: [a]", ["MIT"]),
        ("license: [mit, apache-2.0]", ["mit", "apache-2.0"]),
        ("license:\n- mit\n- cc-by-4.0\ntags:\n- x", ["mit", "cc-by-4.0"]),
        ("license: other\nlicense_name: llama3.1", ["llama3.1"]),
        ("tags: [license]", []),
    ],
)
def test_reads_the_licence_of_a_readme(front: str, stated: list[str]) -> None:
    Path("model/README.md").write_text(f"---\n{front}\n---\n\n# A model\nlicense: none\n")
    assert stated_licenses(Path("model")) == stated


def test_another_licence_than_the_files_state_is_refused() -> None:
    Path("model/README.md").write_text("---\nlicense: CC-BY-NC-4.0\n---\n")
    contents = check_folder(Path("model"))
    with pytest.raises(
        BaseModelError, match=r"states licence CC-BY-NC-4\.0, base\.license declares cc0-1\.0"
    ):
        pin(declared(), Path("model"), contents.files, contents.config)
    pin(declared(licence="cc-by-nc-4.0"), Path("model"), contents.files, contents.config)
