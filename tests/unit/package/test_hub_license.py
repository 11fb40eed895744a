import pytest

from teacherspec.package.card.hub_license import HUB_LICENSES, hub_license


@pytest.mark.parametrize(
    ("declared", "license_"),
    [
        ("MIT", "mit"),
        ("Apache-2.0", "apache-2.0"),
        ("apache-2.0", "apache-2.0"),
        ("CC-BY-4.0", "cc-by-4.0"),
        ("CC0-1.0", "cc0-1.0"),
        ("GPL-3.0-only", "gpl-3.0"),
        ("GPL-2.0-or-later", "gpl-2.0"),
        ("LGPL-2.1-or-later", "lgpl-2.1"),
        ("BSD-3-Clause", "bsd-3-clause"),
        ("ODbL-1.0", "odbl"),
        ("llama3.1", "llama3.1"),
        ("other", "other"),
    ],
)
def test_a_licence_is_written_as_the_hub_takes_it(declared: str, license_: str) -> None:
    assert hub_license(declared) == {"license": license_}
    assert license_ in HUB_LICENSES


@pytest.mark.parametrize("declared", ["0BSD", "CERN-OHL-P-2.0", "my-own-terms", "qwen"])
def test_a_licence_that_the_hub_does_not_know_is_given_by_name(declared: str) -> None:
    assert hub_license(declared) == {"license": "other", "license_name": declared.casefold()}
