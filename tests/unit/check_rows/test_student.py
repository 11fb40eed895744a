"""A declared student is compared with the teacher token by token; what differs is named before training."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tokenizers import Tokenizer, normalizers
from transformers import AutoConfig, AutoTokenizer, PreTrainedTokenizerFast

from teacherspec.base.pin import pin
from teacherspec.check_rows.run import check_rows
from teacherspec.errors import UserError
from teacherspec.model_files.security_scan import check_folder
from teacherspec.runtime.atomic_io import read_json, write_json
from teacherspec.spec.base import Base
from teacherspec.spec.evaluate import Evaluate
from teacherspec.spec.package import Package
from teacherspec.spec.probe.probe import Probe
from tests.pipeline.causal_lm.toys import lm_base, lm_prepared, task
from tests.toys.language_models import CHATML, LLAMA3, tiny_tokenizer
from tests.toys.model_hub import COMMIT, model_hub
from tests.unit.check_rows.test_run import WORDS

STOP = "<|im_end|>"


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A repository after `base`: rows, base and its reports."""
    place = tmp_path_factory.mktemp("student")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(place)
        lm_base(Path("base"))
        (place / "prepared").mkdir()
        lm_prepared(Path("prepared"), 24, 24)
        source = {"kind": "path", "folder": "base"}
        declared = Base.model_validate_json(json.dumps({"source": source, "license": "mit"}))
        contents = check_folder(Path("base"))
        write_json(
            Path("reports/manifest.json"), pin(declared, Path("base"), contents.files, contents.config)
        )
        write_json(Path("reports/fit.json"), {"vocabulary": {"embedding_rows": 400, "tokenizer": 400}})
    return place


@pytest.fixture(autouse=True)
def _workplace(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(place)


def student(folder: Path, family: str = "gpt2", **changes: Any) -> Path:
    """A student with the teacher's tokenizer that ends as it does, in a folder with what trainers leave."""
    lm_base(folder, family, None)
    tokenizer = changes.pop("tokenizer", None) or tiny_tokenizer(CHATML)
    tokenizer.save_pretrained(folder)
    config = AutoConfig.from_pretrained(folder)
    for name, value in changes.items():
        setattr(config, name, value)
    config.save_pretrained(folder)
    write_json(
        folder / "generation_config.json", {"eos_token_id": [2, tokenizer.convert_tokens_to_ids(STOP)]}
    )
    (folder / "optimizer.pt").write_bytes(b"never read")
    (folder / "checkpoint-3").mkdir(exist_ok=True)
    return folder


def compared(source: dict[str, Any], learns: str = "text", **package: Any) -> dict[str, Any]:
    declared = Package.model_validate_json(
        json.dumps({**WORDS, "student": {"source": source, "learns": learns}, **package})
    )
    found = check_rows(task(), Evaluate(), Probe(), declared, Path("prepared"), Path("reports"))
    assert found is not None
    return found


def of_folder(folder: Path) -> dict[str, Any]:
    return {"kind": "path", "folder": str(folder), "outside_repository": True}


def names(report: dict[str, Any]) -> list[str]:
    return [one["name"] for one in report["differences"]]


def changed(edit: Callable[[dict[str, Any]], None]) -> PreTrainedTokenizerFast:
    """The teacher's tokenizer with an edit of its `tokenizer.json`."""
    made = tiny_tokenizer(CHATML)
    state = json.loads(made.backend_tokenizer.to_str())
    edit(state)
    made._tokenizer = Tokenizer.from_str(json.dumps(state))
    return made


def test_the_same_tokens_in_another_architecture_learn_distributions(tmp_path: Path) -> None:
    report = compared(of_folder(student(tmp_path / "s")), learns="logits")
    assert report["differences"] == []
    assert report["possible"][0].startswith("The stored distributions over tokens")
    assert report["architecture"] == "gpt2"
    assert report["source"]["folder"] == "s", "a place outside the repository is private"
    assert set(report["files"]) >= {"config.json", "tokenizer.json"}
    assert not {"optimizer.pt", "model.safetensors"} & set(report["files"])


def swapped(state: dict[str, Any]) -> None:
    """Two tokens with each other's ids: every text has as many tokens, of another meaning."""
    vocabulary = state["model"]["vocab"]
    one, other = sorted(vocabulary, key=vocabulary.get)[300:302]
    vocabulary[one], vocabulary[other] = vocabulary[other], vocabulary[one]


def lower_case(state: dict[str, Any]) -> None:
    state["normalizer"] = json.loads(normalizers.Lowercase().__getstate__())


def test_equal_tokens_with_other_ids_are_named(tmp_path: Path) -> None:
    folder = student(tmp_path / "s", tokenizer=changed(swapped))
    (one,) = compared(of_folder(folder))["differences"]
    assert one["name"] == "vocabulary"
    assert one["what"].startswith("2 tokens have other ids, such as ")
    assert "teaches nonsense" in one["breaks"]
    with pytest.raises(UserError, match=r"package\.student: vocabulary: 2 tokens have other ids"):
        compared(of_folder(folder), learns="logits")


def test_equal_vocabularies_that_cut_texts_differently_are_named(tmp_path: Path) -> None:
    folder = student(tmp_path / "s", tokenizer=changed(lower_case))
    report = compared(of_folder(folder))
    assert names(report) == ["tokenisation"]
    assert "texts become other tokens, such as 'Hello world'" in report["differences"][0]["what"]
    assert "other positions" in report["differences"][0]["breaks"]


def other_tokenizer() -> PreTrainedTokenizerFast:
    from tokenizers import decoders, models, pre_tokenizers, trainers

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=350,
        special_tokens=["<unk>", "<s>", "</s>", STOP],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(["lorem ipsum dolor sit amet consectetur"], trainer)
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, bos_token="<s>", eos_token="</s>", unk_token="<unk>", pad_token="</s>"
    )


def test_another_tokenizer_leaves_text_and_gold(tmp_path: Path) -> None:
    folder = student(tmp_path / "s", tokenizer=other_tokenizer())
    report = compared(of_folder(folder))
    assert names(report)[:2] == ["vocabulary", "tokenisation"]
    assert "chat template" in names(report)
    text, gold, stored = report["possible"]
    assert "as text" in text
    assert gold.startswith("Distributions across tokenizers by TRL's GOLD")
    assert stored.startswith("Not the stored")
    with pytest.raises(UserError) as refused:
        compared(of_folder(folder), learns="logits")
    assert len(refused.value.problems) == 2
    assert all("declare `learns: text`" in problem for problem in refused.value.problems)


def test_another_width_is_refused_with_the_number_that_repairs_it(tmp_path: Path) -> None:
    wider = of_folder(student(tmp_path / "wider", vocab_size=512))
    with pytest.raises(UserError, match=r"400 columns, the student's 512: .*resize_token_embeddings\(400\)"):
        compared(wider, learns="logits")
    tokens = max(tiny_tokenizer().get_vocab().values()) + 1
    assert tokens < 400
    narrower = of_folder(student(tmp_path / "narrower", vocab_size=tokens))
    with pytest.raises(UserError, match=rf"declare `package\.trim_vocabulary: {tokens}`"):
        compared(narrower, learns="logits")
    fit = read_json(Path("reports/fit.json"))
    write_json(Path("reports/fit.json"), {"vocabulary": {"embedding_rows": 400, "tokenizer": tokens}})
    assert compared(narrower, learns="logits", trim_vocabulary=tokens)["differences"] == []
    write_json(Path("reports/fit.json"), fit)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"tokenizer": tiny_tokenizer(CHATML, adds_bos=False)}, "added tokens"),
        ({"tokenizer": tiny_tokenizer(None)}, "chat template"),
        ({"tokenizer": tiny_tokenizer(LLAMA3)}, "chat template"),
        ({"max_position_embeddings": 32}, "context"),
    ],
    ids=["no bos", "no template", "another template", "short"],
)
def test_what_does_not_prevent_distributions_is_stated(
    tmp_path: Path, changes: dict[str, Any], expected: str
) -> None:
    report = compared(of_folder(student(tmp_path / "s", **changes)), learns="logits")
    assert names(report) == [expected]
    assert not report["differences"][0]["blocks"]


def test_another_end_of_answers_is_named(tmp_path: Path) -> None:
    folder = student(tmp_path / "s")
    (folder / "generation_config.json").unlink()
    (one,) = compared(of_folder(folder))["differences"]
    assert one["name"] == "end of answers"
    assert one["what"] == f"the teacher's answers end with '{STOP}', the student's generation with '</s>'"
    made = tiny_tokenizer(CHATML)
    made.pad_token = "<unk>"  # noqa: S105
    assert names(compared(of_folder(student(tmp_path / "padded", tokenizer=made)))) == ["pad token"]


def broken(folder: Path) -> None:
    (folder / "tokenizer.json").write_text("{")


def without(folder: Path) -> None:
    (folder / "tokenizer.json").unlink()


def code(folder: Path) -> None:
    config = read_json(folder / "config.json")
    write_json(folder / "config.json", {**config, "auto_map": {"AutoConfig": "modeling.Evil"}})


@pytest.mark.parametrize(
    ("damage", "problem"),
    [(broken, "tokenizer.json"), (without, "has no tokenizer.json"), (code, "auto_map")],
)
def test_a_student_that_cannot_be_read_is_refused(
    tmp_path: Path, damage: Callable[[Path], None], problem: str
) -> None:
    folder = student(tmp_path / "s")
    damage(folder)
    with pytest.raises(UserError, match=problem):
        compared(of_folder(folder))
    with pytest.raises(UserError, match=r"package\.student: nowhere: no such folder"):
        compared({"kind": "path", "folder": "nowhere"})


def test_a_student_of_the_hub_is_fetched_without_its_weights(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = student(tmp_path / "s")
    (folder / "checkpoint-3").rmdir()
    source = {"kind": "hub", "id": "a/b", "revision": COMMIT}
    with model_hub(folder, tmp_path / "cache", monkeypatch) as fetched:
        report = compared(source, learns="logits")
    assert report["differences"] == []
    assert report["source"] == source
    assert "tokenizer.json" in fetched
    assert not {"model.safetensors", "optimizer.pt"} & set(fetched)
    assert AutoTokenizer.from_pretrained(folder).get_vocab()  # the folder itself is untouched
    with (
        model_hub(folder, tmp_path / "other", monkeypatch),
        pytest.raises(UserError, match="cannot be fetched"),
    ):
        compared({**source, "revision": "f" * 40})


def refused(**declared: Any) -> tuple[str, ...]:
    """What is refused of a pre-trained student of the probe."""
    student = {"kind": "pretrained_lm", **declared}
    probe = Probe.model_validate_json(json.dumps({"students": [student], "budgets": [1.0]}))
    package = Package.model_validate_json(json.dumps(WORDS))
    try:
        check_rows(task(), Evaluate(), probe, package, Path("prepared"), Path("reports"))
    except UserError as error:
        return error.problems
    return ()


def test_a_probed_student_with_the_teachers_tokens_is_right(tmp_path: Path) -> None:
    tiny_tokenizer(CHATML).save_pretrained(lm_base(tmp_path / "own"))
    assert refused(source=of_folder(tmp_path / "own")) == ()


def test_a_probed_student_of_other_tokens_or_without_weights_is_refused_by_its_key(tmp_path: Path) -> None:
    (missing,) = refused(source=of_folder(tmp_path / "none"))
    assert missing.startswith("probe.students.0") or "probe.students.0.source" in missing
    folder = lm_base(tmp_path / "own")
    other = json.loads((folder / "tokenizer.json").read_text())
    vocab = other["model"]["vocab"]
    first, second = [token for token in vocab if token.isalpha()][:2]
    vocab[first], vocab[second] = vocab[second], vocab[first]
    (folder / "tokenizer.json").write_text(json.dumps(other))
    problem, *_ = refused(source=of_folder(folder))
    assert problem.startswith("probe.students.0: vocabulary: 2 tokens have other ids")
    (folder / "model.safetensors").unlink()
    assert any("weights" in one for one in refused(source=of_folder(folder)))
