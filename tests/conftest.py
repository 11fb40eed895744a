"""What all tests share."""

import os
import sys
from typing import TYPE_CHECKING

import absl.logging
import pytest

if TYPE_CHECKING:
    from tests.toys.packaged_teacher import PackagedTeacher

# Stages that tests run start no more processes than they ask for, however this machine is configured.
os.environ["TEACHERSPEC_ACCELERATE"] = "none"

# rouge_score imports absl, whose log handler closes its stream when DVC configures logging in the same
# process: the file in which pytest captures stderr, if that was the stream.
absl.logging.get_absl_handler().python_handler.stream = sys.__stderr__


@pytest.fixture(scope="session")
def packaged_teacher(tmp_path_factory: pytest.TempPathFactory) -> "PackagedTeacher":
    """The toy text classifier after `package`, built once for all tests that need it."""
    from tests.toys.packaged_teacher import build_packaged_teacher  # imports torch: only for those tests

    return build_packaged_teacher(tmp_path_factory.mktemp("packaged_teacher"))
