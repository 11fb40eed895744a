"""A resumed run must have been started by the same code, wherever in the library it lies."""

from teacherspec.finetune import losses
from teacherspec.runtime import resume_key
from teacherspec.runtime.atomic_io import sha256_file
from teacherspec.runtime.resume_key import loaded_code, run_key


def test_loaded_modules_of_every_package_are_listed_with_their_hashes() -> None:
    code = loaded_code()
    assert code["finetune/losses.py"] == sha256_file(resume_key.LIBRARY / "finetune/losses.py")
    assert {losses.__file__, resume_key.__file__} <= {str(resume_key.LIBRARY / name) for name in code}


def test_any_changed_determinant_gives_another_name() -> None:
    first = run_key({"code": {"a.py": "1"}, "seed": 0})
    assert first == run_key({"seed": 0, "code": {"a.py": "1"}}), "the order of keys does not matter"
    assert len({first, run_key({"code": {"a.py": "2"}, "seed": 0}), run_key({"code": {}, "seed": 0})}) == 3
