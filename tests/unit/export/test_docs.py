"""The page on the package names every export and every check."""

import re

from teacherspec.export.registry import FORMATS
from tests.toys.packaged_teacher import ROOT
from tests.unit.package.test_verify import TAMPERS


def test_the_page_names_every_form_and_every_check() -> None:
    page = (ROOT / "docs/teacher-package.md").read_text(encoding="utf-8")
    forms = set(re.findall(r"^\| `([a-z][a-z-]+)` \|.*\|.*\|$", page, re.M))
    assert forms == set(FORMATS)
    table = page.partition("| tampering | caught by |")[2].partition("\n\n")[0]
    named = {name.strip() for cell in re.findall(r"\| ([^|]+) \|$", table, re.M) for name in cell.split(",")}
    assert named - {"only a signature"} == {caught for _, caught in TAMPERS}
