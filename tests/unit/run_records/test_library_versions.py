"""A stage refuses to run with another library than `versions.yaml` states."""

from pathlib import Path

import pytest

from teacherspec.errors import UserError
from teacherspec.init.pipeline import versions
from teacherspec.run_records.library_versions import installed_versions, refuse_other_library


def test_the_installed_library_is_accepted(tmp_path: Path) -> None:
    (tmp_path / "versions.yaml").write_text(versions())
    refuse_other_library(tmp_path)
    refuse_other_library(tmp_path, "prepare")


def test_a_repository_that_holds_the_library_states_none(tmp_path: Path) -> None:
    refuse_other_library(tmp_path)


def test_another_version_is_refused_with_the_ways_on(tmp_path: Path) -> None:
    (tmp_path / "versions.yaml").write_text(versions().replace('teacherspec: "', 'teacherspec: "9.'))
    with pytest.raises(UserError, match=r"version 9\..*pip install -r requirements.txt.*init --upgrade"):
        refuse_other_library(tmp_path)


def test_another_code_stops_the_stages_that_run_it(tmp_path: Path) -> None:
    digest = installed_versions()["code"]["prepare"]
    (tmp_path / "versions.yaml").write_text(versions().replace(digest, "0" * 16))
    with pytest.raises(UserError, match="the code of prepare is another one"):
        refuse_other_library(tmp_path, "prepare")
    refuse_other_library(tmp_path, "calibrate")


def test_what_is_no_mapping_is_refused(tmp_path: Path) -> None:
    (tmp_path / "versions.yaml").write_text("[]\n")
    with pytest.raises(UserError, match="version None is stated"):
        refuse_other_library(tmp_path)


def test_stages_with_different_code_have_different_digests() -> None:
    code = installed_versions()["code"]
    assert len(set(code.values())) == len(code)
