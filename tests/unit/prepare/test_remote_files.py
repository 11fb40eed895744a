"""Remote files: downloaded once, pinned by hash; and files that DVC imported."""

import gzip
import http.server
import threading
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import fsspec
import pytest
from dvc.repo import Repo as DvcRepo

from teacherspec.prepare.sources.remote_files import DOWNLOADS
from teacherspec.runtime.atomic_io import sha256_bytes
from tests.unit.prepare.cloud_store import CLOUD
from tests.unit.prepare.toy_data import Workshop, jsonl, messages

CONTENT = jsonl(messages(60)).encode()


@pytest.fixture
def plain(workshop: Workshop) -> dict[str, list[dict]]:
    """The prepared rows of the same file inside the repository."""
    workshop.write("data/rows.jsonl", CONTENT)
    workshop.prepare([{"kind": "jsonl", "path": "data/rows.jsonl"}])
    return workshop.all_rows()


def memory_file(name: str, content: bytes) -> dict[str, str]:
    """A source that reads a file of fsspec's in-memory file system."""
    with fsspec.open(f"{CLOUD}://{name}", "wb") as file:
        file.write(content)
    return {"kind": "jsonl", "url": f"{CLOUD}://{name}", "sha256": sha256_bytes(content)}


@pytest.fixture
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, str]]:
    """A folder, and its address on a web server of this machine."""
    folder = tmp_path_factory.mktemp("served")

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *arguments: object) -> None:
            """Print nothing."""

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=folder)) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield folder, f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()
        thread.join()


@pytest.mark.parametrize("name", ["rows.jsonl", "rows.jsonl.gz"])
def test_a_remote_file_gives_the_same_rows(workshop: Workshop, plain: object, name: str) -> None:
    content = gzip.compress(CONTENT, mtime=0) if name.endswith("gz") else CONTENT
    workshop.prepare([memory_file(f"bucket/{name}", content)])
    assert workshop.all_rows() == plain


def test_a_file_is_downloaded_once(workshop: Workshop, plain: object, served: tuple[Path, str]) -> None:
    folder, address = served
    (folder / "rows.jsonl").write_bytes(CONTENT)
    source = {"kind": "jsonl", "url": f"{address}/rows.jsonl", "sha256": sha256_bytes(CONTENT)}
    workshop.prepare([source])
    assert workshop.all_rows() == plain
    (folder / "rows.jsonl").unlink()
    workshop.prepare([source])
    (workshop.root / DOWNLOADS / f"{sha256_bytes(CONTENT)}.jsonl").write_bytes(b"altered")
    (problem,) = workshop.refusal([source])
    assert problem.startswith(f"{address}/rows.jsonl: cannot be downloaded: ")


def test_an_interrupted_download_is_refused_and_leaves_nothing(workshop: Workshop) -> None:
    class Interrupted(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Length", str(len(CONTENT)))
            self.end_headers()
            self.wfile.write(CONTENT[:-80])

        def log_message(self, *arguments: object) -> None:
            """Print nothing."""

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Interrupted) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        url = f"http://127.0.0.1:{server.server_address[1]}/rows.jsonl"
        (problem,) = workshop.refusal([{"kind": "jsonl", "url": url, "sha256": sha256_bytes(CONTENT)}])
        server.shutdown()
        thread.join()
    assert problem.startswith(f"{url}: cannot be downloaded: ")
    assert list((workshop.root / DOWNLOADS).iterdir()) == []


def test_another_file_than_declared_is_refused(workshop: Workshop) -> None:
    source = memory_file("bucket/moved.jsonl", CONTENT)
    memory_file("bucket/moved.jsonl", CONTENT[:-80])
    (problem,) = workshop.refusal([source])
    assert problem.startswith(f"{CLOUD}://bucket/moved.jsonl: is not the declared file (its sha256 is ")
    assert list((workshop.root / DOWNLOADS).iterdir()) == []


def test_problems_of_a_remote_file_name_its_line(workshop: Workshop) -> None:
    assert workshop.refusal([memory_file("bucket/broken.jsonl", CONTENT + b"{\n")]) == (
        f"{CLOUD}://bucket/broken.jsonl:61:2: broken JSON: Expecting property name enclosed in double quotes",
    )


@pytest.mark.filterwarnings("ignore")  # of DVC's libraries
def test_a_file_that_dvc_imported_is_a_file_of_the_repository(
    workshop: Workshop,
    plain: object,
    tmp_path_factory: pytest.TempPathFactory,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    elsewhere = tmp_path_factory.mktemp("elsewhere") / "rows.jsonl"
    elsewhere.write_bytes(CONTENT)
    monkeypatch.chdir(workshop.root)
    with DvcRepo.init(".", no_scm=True) as dvc:
        dvc.imp_url(str(elsewhere), out="data/imported.jsonl")
    source = {"kind": "jsonl", "path": "data/imported.jsonl"}
    workshop.prepare([source])
    assert workshop.all_rows() == plain
    (workshop.root / "data" / "imported.jsonl").unlink()
    assert workshop.refusal([source]) == (
        "data/imported.jsonl: not found, but DVC tracks it; run `dvc pull`",
    )
