"""Servers for DVC remotes on this machine: S3 by moto, SFTP by asyncssh."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path

from tests.toys.readers import reader

READER = "remotes"
BUCKET = "teachers"
USER, PASSWORD = "reviewer", "a password of a test"
SSH_SERVER = """
import asyncio, sys, asyncssh

class Server(asyncssh.SSHServer):
    def begin_auth(self, username):
        return True
    def password_auth_supported(self):
        return True
    def validate_password(self, username, password):
        return (username, password) == (sys.argv[2], sys.argv[3])

async def serve():
    key = asyncssh.generate_private_key("ssh-ed25519")
    await asyncssh.listen("127.0.0.1", int(sys.argv[1]), server_factory=Server, server_host_keys=[key],
                          sftp_factory=lambda channel: asyncssh.SFTPServer(channel, chroot=sys.argv[4]))
    await asyncio.Event().wait()

asyncio.run(serve())
"""


@dataclass(frozen=True)
class NetworkRemote:
    """A remote that is served.

    Attributes:
        kind: of the address.
        url: for `dvc remote add`.
        settings: further ones, to be committed.
        environment: where the plugins are.
        secrets: settings of `dvc remote modify --local`, without which access is denied.
    """

    kind: str
    url: str
    settings: dict[str, str]
    environment: dict[str, str]
    secrets: dict[str, str]


@contextmanager
def s3(home: Path) -> Iterator[NetworkRemote]:
    """An empty bucket, and an empty folder in place of the home, where nobody's credentials are."""
    with _served("-m", "moto.server", "-H", "127.0.0.1", "-p") as (port, environment):
        connection = HTTPConnection("127.0.0.1", port, timeout=30)
        connection.request("PUT", f"/{BUCKET}")
        assert connection.getresponse().status == 200
        yield NetworkRemote(
            "s3",
            f"s3://{BUCKET}/store",
            {"endpointurl": f"http://127.0.0.1:{port}"},
            {**environment, "AWS_EC2_METADATA_DISABLED": "true", "HOME": str(home)},
            {"access_key_id": "a-key", "secret_access_key": "a-secret"},
        )


@contextmanager
def ssh(folder: Path) -> Iterator[NetworkRemote]:
    """A folder by SFTP, which is its root."""
    with _served("-c", SSH_SERVER, after=(USER, PASSWORD, str(folder))) as (port, environment):
        yield NetworkRemote(
            "ssh",
            f"ssh://{USER}@127.0.0.1/store",
            {"port": str(port)},
            {**environment, "HOME": str(folder)},
            {"password": PASSWORD},
        )


@contextmanager
def _served(*command: str, after: tuple[str, ...] = ()) -> Iterator[tuple[int, dict[str, str]]]:
    """A server's port, and the environment for its clients."""
    environment = {"PYTHONPATH": f"{reader(READER)}{os.pathsep}{Path(__file__).parents[2]}"}
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    server = subprocess.Popen(
        [sys.executable, *command, str(port), *after],
        env={**os.environ, **environment},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        for _ in range(600):
            assert server.poll() is None, f"{command[:2]} ended with {server.returncode}"
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
            time.sleep(0.1)
        yield port, environment
    finally:
        server.kill()
        server.wait()
