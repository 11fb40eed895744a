"""The site has every page in its navigation, every link leads to a page of it, and it fetches nothing."""

import re
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from docs.site.__main__ import CONFIG, ROOT, copied, pages, stage_pages


def config() -> dict[str, Any]:
    found: dict[str, Any] = YAML(typ="safe", pure=True).load(CONFIG.read_text(encoding="utf-8"))
    return found


def named(entry: Any) -> list[str]:
    """The files in a part of the navigation."""
    if isinstance(entry, str):
        return [entry]
    parts = entry if isinstance(entry, list) else entry.values()
    return [file for part in parts for file in named(part)]


def test_the_navigation_has_every_page_once() -> None:
    found = named(config()["nav"])
    wanted = {page for page in pages() if page.startswith("docs/")} | {"README.md"}
    assert len(found) == len(set(found))
    assert wanted <= set(found) <= set(pages())


def test_every_link_leads_to_a_page() -> None:
    """Links to files of code and to folders lead to pages that show them."""
    written = {name for page in pages() for name, _ in copied(page)}
    assert len(written) > len(pages()) > 40
    assert any(name.endswith(".folder.md") for name in written)
    assert any(name.endswith(".file.md") for name in written)
    for page in pages():
        text = next(copied(page))[1]
        for link in re.findall(r"\]\(([^)\s#]+)(?:#[^)\s]*)?\)", re.sub(r"(?ms)^```.*?^```$", "", text)):
            if not re.match(r"[a-z]+:", link):
                target = (ROOT / page).parent.joinpath(link).resolve().relative_to(ROOT).as_posix()
                assert target in written, f"{page}: {link}"


def test_a_link_that_leads_nowhere_stops_the_build(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs/a.md").write_text("See [b](b.md).\n")
    monkeypatch.setattr("docs.site.__main__.ROOT", tmp_path)
    with pytest.raises(ValueError, match=r"docs/a\.md: b\.md leads nowhere"):
        stage_pages(tmp_path / "pages")


def test_the_build_refuses_warnings() -> None:
    source = (ROOT / "docs/site/__main__.py").read_text(encoding="utf-8")
    assert '"--strict", "--config-file"' in source, "with --quiet mkdocs counts no warnings"
    levels = config()["validation"]["links"]
    assert set(levels.values()) == {"warn"}
    assert {"not_found", "anchors"} <= levels.keys()


def test_nothing_is_fetched_to_view_it() -> None:
    found = config()
    assert found["theme"]["font"] is False
    assert not {"extra_javascript", "extra_css", "analytics"} & found.keys()
    assert found["plugins"] == ["search"]


@pytest.mark.slow
@pytest.mark.skipif(find_spec("mkdocs") is None, reason="`make docs` installs mkdocs in a folder of its own")
def test_the_site_builds_strictly_and_links_no_foreign_script(tmp_path: Path) -> None:
    from mkdocs.commands.build import build
    from mkdocs.config import load_config

    stage_pages(tmp_path / "pages")
    loaded = load_config(
        str(CONFIG), docs_dir=str(tmp_path / "pages"), site_dir=str(tmp_path / "site"), strict=True
    )
    build(loaded)
    for file in (tmp_path / "site").rglob("*.html"):
        assert not re.search(r"<(?:script|link|img)[^>]*(?:src|href)=\"https?:", file.read_text()), file
