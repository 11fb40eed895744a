"""Addresses of remote files: of other machines only, and without secrets, which would be stored in git."""

import pytest

from teacherspec.spec.prepare.path_rules import problem_of_url


@pytest.mark.parametrize(
    "url",
    [
        "https://example.org/rows.jsonl",
        "https://example.org/rows.jsonl?download=true&version=3&monkey=1",
        "s3://bucket/rows.parquet",
        "gs://bucket/rows.csv",
        "abfs://container@account/rows.csv".replace("container@account", "container"),
        "hf://datasets/org/name/rows.jsonl",
    ],
)
def test_files_of_other_machines_are_data(url: str) -> None:
    assert problem_of_url(url) is None


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("git:///home/me/repository:rows.jsonl", "of this machine"),
        ("git://home/me/repository:rows.jsonl", "of this machine"),
        ("local:///etc/passwd", "of this machine"),
        ("file://localhost/etc/passwd", "of this machine"),
        ("dir:///etc/passwd", "of this machine"),
        ("memory://x", "of this machine"),
        ("asynclocal:///etc/passwd", "not supported; allowed: https"),
        ("asyncwrapper://x/y", "not supported"),
        ("reference://x", "not supported"),
        ("generic://x", "not supported"),
        ("cached://x", "not supported"),
        ("simplecache::https://x/y", "one address"),
        ("filecache://x/y", "not supported"),
        ("blockcache://x/y", "not supported"),
        ("zip://rows.csv", "not supported"),
        ("github://org:repo@/rows.csv", "not supported"),
        ("jupyter://host/rows.csv", "not supported"),
        ("data:text/plain,hello", "not supported"),
        ("https:///rows.csv", "names no host"),
        ("s3://", "names no host"),
        ("https://me:word@host/rows.csv", "user name or password"),
        ("https://h/x.jsonl?token=SECRET", "contains a secret"),
        ("https://h/x.jsonl?a=b&X-Amz-Signature=ab", "contains a secret"),
        ("https://h/x.jsonl?sv=2020&sig=ab", "contains a secret"),
        ("https://h/x.jsonl?AWSAccessKeyId=ab", "contains a secret"),
        ("https://h/x.jsonl?api_key=", "contains a secret"),
        ("https://h\n/x", "plain address"),
        ("https://h/\x1b[2J", "plain address"),
        ("https://h/\u202ex", "plain address"),
        ("https://h\\x", "plain address"),
    ],
)
def test_local_unknown_secret_and_hidden_addresses_are_refused(url: str, words: str) -> None:
    assert words in (problem_of_url(url) or "")
