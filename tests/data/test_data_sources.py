"""One contract for wherever a dataset's files lie: a folder of this machine, or a bucket of a cloud."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from tests.clouds import BUCKET, Cloud, az, gs, s3

from plimsoll.data import clouds
from plimsoll.data.entities import DataVersion, FilesNow
from plimsoll.data.errors import (
    AccessDenied,
    BucketMissing,
    CloudUnreachable,
    MixedFormats,
    NoFile,
    NoObject,
    NoRows,
    ObjectChanged,
    SchemaDiffers,
    TruncatedParquet,
    UnknownFormat,
    WrongEncoding,
)
from plimsoll.data.operations import look_at_files
from plimsoll.project.entities import Dataset

if TYPE_CHECKING:
    from conftest import Desk

CLOUDS = {"s3": ("moto", s3), "gs": ("fake_gcs", gs), "az": ("azurite", az)}


@dataclass
class Place:
    """Somewhere that files can be written to, and read from as a dataset."""

    desk: Desk
    cloud: Cloud | None

    def path(self, rest: str) -> str:
        return f"{self.cloud.url}/{rest}" if self.cloud else rest

    def write(self, name: str, content: str | bytes) -> None:
        if self.cloud:
            self.cloud.put(name, content.encode() if isinstance(content, str) else content)
        else:
            self.desk.write(name, content)

    def delete(self, name: str) -> None:
        if self.cloud:
            self.cloud.delete(name)
        else:
            (self.desk.root / name).unlink()

    def parquet(self, name: str, select: str) -> bytes:
        content = self.desk.write_parquet("scratch.parquet", select).read_bytes()
        self.write(name, content)
        return content

    def resolve(self, rest: str, **options: Any) -> DataVersion:
        return self.desk.resolve(self.path(rest), **options)

    def look(self, rest: str) -> FilesNow:
        return look_at_files(self.desk.context, "sales", Dataset(path=self.path(rest)), root=self.desk.root)

    def brought(self) -> list[str]:
        """The files that were read since this was asked last."""
        names = [progress.message.rpartition("/")[2] for progress in self.desk.seen if progress.total]
        self.desk.seen.clear()
        return names


@pytest.fixture(params=["folder", "s3", *(pytest.param(name, marks=pytest.mark.system) for name in ("gs", "az"))])
def place(request: pytest.FixtureRequest, desk: Desk, monkeypatch: pytest.MonkeyPatch) -> Iterator[Place]:
    if request.param == "folder":
        yield Place(desk, None)
        return
    cloud = request.getfixturevalue("cloud_of")(request.param)
    for name, value in cloud.environment.items():
        monkeypatch.setenv(name, value)
    cloud.clear()
    yield Place(desk, cloud)


@pytest.fixture(scope="session")
def cloud_of(request: pytest.FixtureRequest) -> Any:
    made: dict[str, Cloud] = {}

    def cloud(scheme: str) -> Cloud:
        if scheme not in made:
            server, make = CLOUDS[scheme]
            made[scheme] = make(request.getfixturevalue(server))
        return made[scheme]

    return cloud


@pytest.fixture
def bucket(cloud_of: Any, desk: Desk, monkeypatch: pytest.MonkeyPatch) -> Place:
    """S3 alone."""
    cloud = cloud_of("s3")
    for name, value in cloud.environment.items():
        monkeypatch.setenv(name, value)
    cloud.clear()
    return Place(desk, cloud)


def test_a_file_is_a_version_with_a_copy_in_the_artifacts(place: Place) -> None:
    place.write("data/sales.csv", "id,amount\n1,2.5\n2,\n")
    version = place.resolve("data/sales.csv")
    assert (version.rows, version.columns) == (2, (("id", "BIGINT"), ("amount", "DOUBLE")))
    assert [(entry.path, entry.size) for entry in version.files] == [(place.path("data/sales.csv"), 19)]
    place.delete("data/sales.csv")
    assert place.desk.frame(version)["id"].tolist() == [1, 2]


def test_the_same_bytes_are_the_same_version_wherever_they_lie(place: Place) -> None:
    place.write("data/sales.csv", "id\n1\n")
    place.desk.write("here.csv", "id\n1\n")
    assert place.resolve("data/sales.csv").digest == place.desk.resolve("here.csv").digest


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("data/*.csv", ["a.csv", "b.csv"]),
        ("data/[!a].csv", ["b.csv"]),
        ("data/**/*.csv", ["a.csv", "b.csv", "2026 x/c.csv"]),
        ("data/*/?.csv", ["2026 x/c.csv"]),
        ("data", ["a.csv", "b.csv", "2026 x/c.csv"]),
        ("data/", ["a.csv", "b.csv", "2026 x/c.csv"]),
    ],
)
def test_a_glob_stays_in_its_folder_and_a_folder_stands_for_all_below_it(
    place: Place, pattern: str, expected: list[str]
) -> None:
    for name in ("data/a.csv", "data/b.csv", "data/2026 x/c.csv", "database/d.csv"):
        place.write(name, "id\n1\n")
    for name in ("data/README.md", "data/_SUCCESS.csv", "data/.tmp/x.csv") if "*" not in pattern else ():
        place.write(name, "not,a,table\n")
    version = place.resolve(pattern)
    assert sorted(entry.path for entry in version.files) == sorted(place.path(f"data/{name}") for name in expected)


def test_what_did_not_change_is_not_brought_again(place: Place) -> None:
    place.write("data/a.csv", "id\n1\n")
    place.write("data/b.csv", "id\n2\n")
    first = place.resolve("data")
    assert sorted(place.brought()) == ["a.csv", "b.csv"]
    assert place.resolve("data") == first
    assert place.brought() == []
    place.write("data/b.csv", "id\n3\n")
    assert place.desk.frame(place.resolve("data"))["id"].tolist() == [1, 3]
    assert place.brought() == ["b.csv"]


def test_rehash_brings_everything_again(place: Place) -> None:
    place.write("data/a.csv", "id\n1\n")
    first = place.resolve("data")
    place.brought()
    assert place.resolve("data", rehash=True) == first
    assert place.brought() == ["a.csv"]


def test_an_artifact_that_was_removed_is_brought_again(place: Place) -> None:
    place.write("data/a.csv", "id\n1\n")
    version = place.resolve("data")
    place.desk.context.artifacts.path(version.files[0].digest).unlink()
    assert place.desk.frame(place.resolve("data"))["id"].tolist() == [1]


def test_a_look_tells_a_change_and_keeps_nothing(place: Place) -> None:
    place.write("data/a.csv", "id\n1\n")
    version = place.resolve("data/*.csv")
    assert not place.look("data/*.csv").differ_from(version)
    place.write("data/b.csv", "id\n2\n")
    now = place.look("data/*.csv")
    assert now.differ_from(version)
    assert now == place.look("data/*.csv")
    assert not place.desk.context.artifacts.has(now.entries[1].digest)
    assert not place.look("data/*.csv").differ_from(place.resolve("data/*.csv"))


@pytest.mark.parametrize(
    ("files", "path", "error"),
    [
        ({"data/a.csv": b"id\n1\n"}, "data/*.parquet", (NoFile, NoObject)),
        ({"data/a.csv": b"id\n1\n"}, "other", (NoFile, NoObject)),
        ({"data/a.csv": b"id\n"}, "data", NoRows),
        ({"data/a.csv": b""}, "data", NoRows),
        ({"data/a.csv": b"name\nJos\xe9\n"}, "data", WrongEncoding),
        ({"data/a.csv": b"id\n1\n", "data/b.csv": b"id,x\n1,2\n"}, "data", SchemaDiffers),
        ({"data/a.csv": b"id\n1\n", "data/b.parquet": b"PAR1"}, "data", MixedFormats),
        ({"data/a.parquet": b"PAR1 and then nothing"}, "data", TruncatedParquet),
        ({"data/a.xls": b"x"}, "data/a.xls", UnknownFormat),
    ],
)
def test_bad_input_is_named_and_nothing_recorded(
    place: Place, files: dict[str, bytes], path: str, error: type[Exception] | tuple[type[Exception], ...]
) -> None:
    for name, content in files.items():
        place.write(name, content)
    with pytest.raises(error) as raised:
        place.resolve(path)
    assert "sales" in str(raised.value)
    assert place.path("") in str(raised.value)
    assert place.desk.count("data_versions") == 0


def test_a_truncated_parquet_file_is_named(place: Place) -> None:
    whole = place.parquet("data/a.parquet", "SELECT range AS id FROM range(5000)")
    place.write("data/b.parquet", whole[: len(whole) // 2])
    with pytest.raises(TruncatedParquet, match=r"data/b\.parquet"):
        place.resolve("data")


def test_an_object_of_many_pieces_comes_whole(bucket: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clouds, "PIECE", 1000)
    content = b"id\n" + b"".join(b"%d\n" % number for number in range(2000))
    bucket.write("a.csv", content)
    version = bucket.resolve("a.csv")
    assert bucket.desk.context.artifacts.read_bytes(version.files[0].digest) == content


def test_an_object_that_changes_while_it_is_read_is_refused(bucket: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    import obstore

    monkeypatch.setattr(clouds, "PIECE", 10)
    bucket.write("a.csv", b"id\n" + b"1\n" * 50)
    get = obstore.get

    def replacing(store: Any, key: str, **options: Any) -> Any:
        answer = get(store, key, **options)
        bucket.write("a.csv", b"id\n" + b"2\n" * 50)
        return answer

    monkeypatch.setattr(obstore, "get", replacing)
    with pytest.raises(ObjectChanged, match=r"s3://plimsoll-tests/a\.csv changed while it was read"):
        bucket.resolve("a.csv")
    assert list((bucket.desk.workspace.artifacts / "incoming").iterdir()) == []


def test_a_bucket_that_is_not_there_is_named(bucket: Place) -> None:
    for path in ("s3://plimsoll-nowhere/*.csv", "s3://plimsoll-nowhere/a.csv", "s3://plimsoll-nowhere"):
        with pytest.raises(BucketMissing, match=r"there is no bucket s3://plimsoll-nowhere"):
            bucket.desk.resolve(path)


def test_a_cloud_that_is_not_there_is_named_soon(bucket: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    with pytest.raises(CloudUnreachable, match=r"s3://plimsoll-tests/data cannot be reached"):
        bucket.resolve("data/*.csv")


def test_a_refusal_names_the_variables_that_credentials_come_from(
    moto: str, desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
    from threading import Thread

    class Refusing(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = b"<Error><Code>AccessDenied</Code><Message>Access Denied</Message></Error>"
            self.send_response(403)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            return

    with ThreadingHTTPServer(("127.0.0.1", 0), Refusing) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        for name, value in s3_environment(f"http://127.0.0.1:{server.server_port}").items():
            monkeypatch.setenv(name, value)
        with pytest.raises(AccessDenied) as raised:
            desk.resolve(f"s3://{BUCKET}/*.csv")
        server.shutdown()
        thread.join()
    assert str(raised.value) == f"Dataset sales: s3://{BUCKET} may not be read: Access Denied."
    assert "AWS_ACCESS_KEY_ID" in raised.value.advice


def s3_environment(url: str) -> dict[str, str]:
    return {"AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b", "AWS_REGION": "us-east-1", "AWS_ENDPOINT_URL": url}


def test_a_broken_memory_only_costs_time(bucket: Place) -> None:
    bucket.write("a.csv", "id\n1\n")
    first = bucket.resolve("a.csv")
    memory: Path = bucket.desk.workspace.cache / "data" / "sales.objects.json"
    for content in ("{", "[1]", '{"s3://plimsoll-tests/a.csv": 1}'):
        memory.write_text(content)
        assert bucket.resolve("a.csv") == first
