"""What is S3's alone: errors, lost replies, retries."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import boto3
import pytest
from botocore.config import Config

import gamelake.lake.s3
from gamelake.lake.factory import open_store
from gamelake.lake.lifecycle import differences
from gamelake.lake.querying import connect, literal
from gamelake.lake.store import ObjectExistsError, ObjectNotFoundError, StoreError
from tests.support.aws import isolate
from tests.support.errors import having

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from mypy_boto3_s3 import S3Client

    from gamelake.lake.store import Store


def test_a_create_whose_reply_was_lost_is_done(faulty_store: Store, proxy: Any) -> None:
    proxy.plan = [("PUT", "lose")]
    faulty_store.put("commit", b"mine", if_absent=True)
    assert proxy.seen == ["PUT", "PUT", "GET"]  # lost, refused by its own success, compared
    assert faulty_store.get("commit") == b"mine"


def test_sql_outlives_an_outage_of_seconds(faulty_store: Store, proxy: Any) -> None:
    """DuckDB alone tries four times in half a second: `make run` has no retry, and lost a day to that."""
    faulty_store.put("one.csv", b"a\n1\n")
    with connect(faulty_store) as connection:
        proxy.plan = [("HEAD", "slow_down")] * 4
        assert connection.execute(f"from read_csv({literal(faulty_store.url('one.csv'))})").fetchall() == [(1,)]
    assert proxy.plan == []


@pytest.mark.parametrize(
    "variables",
    [
        {"ALL_PROXY": "{dead}"},
        {"HTTP_PROXY": "{dead}", "NO_PROXY": "{host}"},
        {"http_proxy": "", "HTTP_PROXY": "{dead}"},
    ],
    ids=["a variable that boto3 does not read", "a host with its port", "an empty variable in small letters"],
)
def test_sql_uses_no_proxy_where_boto3_uses_none(
    moto_endpoint: str, bucket: str, variables: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All loads succeeded, and the build asked a proxy that does not know the store."""
    isolate(monkeypatch, tmp_path, AWS_ACCESS_KEY_ID="a", AWS_SECRET_ACCESS_KEY="b", AWS_ENDPOINT_URL_S3=moto_endpoint)
    for name in ("no_proxy", "NO_PROXY"):  # what the product writes is removed after the test
        monkeypatch.setenv(name, "")
        monkeypatch.delenv(name)
    for name, value in variables.items():
        monkeypatch.setenv(name, value.format(dead="http://127.0.0.1:9", host=urlsplit(moto_endpoint).netloc))
    store = open_store(f"s3://{bucket}/lake")
    store.put("one.csv", b"a\n1\n")
    with connect(store) as connection:
        connection.execute("set http_retries = 0")
        assert connection.execute(f"from read_csv({literal(store.url('one.csv'))})").fetchall() == [(1,)]


def test_a_create_whose_reply_was_lost_after_another_won_is_refused(faulty_store: Store, proxy: Any) -> None:
    faulty_store.put("commit", b"theirs")
    proxy.plan = [("PUT", "lose")]
    with pytest.raises(ObjectExistsError):
        faulty_store.put("commit", b"mine", if_absent=True)


def test_a_longer_object_that_starts_as_ours_is_not_ours(faulty_store: Store) -> None:
    faulty_store.put("commit", b"mine and more")
    with pytest.raises(ObjectExistsError):
        faulty_store.put("commit", b"mine", if_absent=True)


def test_a_file_whose_reply_was_lost_is_done(faulty_store: Store, proxy: Any, tmp_path: Path) -> None:
    (tmp_path / "part").write_bytes(b"rows" * 100_000)
    proxy.plan = [("PUT", "lose")]
    faulty_store.put_file("part", tmp_path / "part", if_absent=True, tags={"status": "temp"})
    assert faulty_store.get("part") == b"rows" * 100_000
    assert faulty_store.tags("part") == {"status": "temp"}


def test_slow_down_is_waited_out(faulty_store: Store, proxy: Any) -> None:
    proxy.plan = [("PUT", "slow_down"), ("GET", "slow_down")]
    faulty_store.put("key", b"x", if_absent=True)
    assert faulty_store.get("key") == b"x"
    assert proxy.plan == []


def test_a_conflict_is_tried_again(faulty_store: Store, proxy: Any) -> None:
    proxy.plan = [("PUT", "conflict"), ("PUT", "conflict")]
    faulty_store.put("key", b"x", if_absent=True)
    assert proxy.seen == ["PUT", "PUT", "PUT"]


def test_a_conflict_without_end_is_an_error(faulty_store: Store, proxy: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gamelake.lake.s3, "_CONFLICT_ATTEMPTS", 3)
    proxy.plan = [("PUT", "conflict")] * 3
    with pytest.raises(StoreError, check=having(operation="PutObject", key="key")):
        faulty_store.put("key", b"x", if_absent=True)
    assert proxy.plan == []


def test_a_body_that_is_cut_short_is_read_on(faulty_store: Store, proxy: Any) -> None:
    data = b"0123456789" * 300_000
    faulty_store.put("key", data)
    reads: list[Callable[[], bytes]] = [
        lambda: faulty_store.get("key"),
        lambda: b"".join(iter(partial(faulty_store.open("key").read, 100_000), b"")),
        lambda: b"0123456" + faulty_store.get_range("key", 7, len(data)),
    ]
    for read in reads:
        proxy.plan, proxy.seen = [("GET", "cut"), ("GET", "cut"), ("GET", "slow_down")], []
        assert read() == data
        assert proxy.seen == ["GET"] * 4


def test_a_body_that_stays_cut_short_is_an_error(faulty_store: Store, proxy: Any) -> None:
    faulty_store.put("key", b"x")
    proxy.plan = [("GET", "cut")] * 5
    with pytest.raises(StoreError, check=having(operation="GetObject", key="key")):
        faulty_store.get("key")
    assert proxy.plan == []


def test_a_body_whose_object_is_replaced_meanwhile_is_an_error(faulty_store: Store, proxy: Any) -> None:
    faulty_store.put("key", b"x" * 3_000_000)
    proxy.plan = [("GET", "cut")]
    with faulty_store.open("key") as stream:
        stream.read(1)
        faulty_store.put("key", b"y" * 3_000_000)
        with pytest.raises(StoreError, check=having(operation="GetObject", key="key")):
            stream.read()


def test_a_body_without_an_etag_is_read_whole_but_never_read_on(faulty_store: Store, proxy: Any) -> None:
    data = b"0123456789" * 300_000
    faulty_store.put("key", data)
    proxy.dropped = {"etag"}
    assert faulty_store.get("key") == data
    proxy.plan = [("GET", "cut")]
    assert faulty_store.get_range("key", 7, 20) == data[7:20]
    proxy.plan = [("GET", "cut")]
    with faulty_store.open("key") as stream:
        stream.read(1)
        with pytest.raises(StoreError, check=having(operation="GetObject", key="key")):
            stream.read()


def test_parts_of_a_failed_upload_are_dropped(
    s3: S3Client, bucket: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gamelake.lake.s3, "SINGLE_PUT_BYTES", 1024)
    (tmp_path / "part").write_bytes(b"mine" * 1000)
    store = open_store(f"s3://{bucket}/lake", s3=s3)
    store.put("part", b"theirs")
    with pytest.raises(ObjectExistsError):
        store.put_file("part", tmp_path / "part", if_absent=True)
    assert "Uploads" not in s3.list_multipart_uploads(Bucket=bucket)
    assert store.get("part") == b"theirs"


def test_what_cannot_be_dropped_is_told_beside_the_error(
    s3: S3Client, bucket: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gamelake.lake.s3, "SINGLE_PUT_BYTES", 1024)
    (tmp_path / "part").write_bytes(b"mine" * 1000)
    store = open_store(f"s3://{bucket}/lake", s3=s3)
    create = s3.create_multipart_upload
    monkeypatch.setattr(s3, "create_multipart_upload", lambda **request: create(**request) | {"UploadId": "lost"})
    with pytest.raises(StoreError, check=having(operation="UploadPart", key="part")) as caught:
        store.put_file("part", tmp_path / "part")
    assert "until the lifecycle rule removes them" in caught.value.__notes__[0]


def test_objects_of_consoles_and_other_programs_are_not_listed(s3: S3Client, bucket: str) -> None:
    for name in ("lake/", "lake/raw/", "lake/raw/.keep", "lake/raw/key", "lakes"):
        s3.put_object(Bucket=bucket, Key=name, Body=b"")
    assert [info.key for info in open_store(f"s3://{bucket}/lake", s3=s3).list("")] == ["raw/key"]


def test_a_bucket_without_prefix_is_a_store(s3: S3Client, bucket: str) -> None:
    store = open_store(f"s3://{bucket}", s3=s3)
    store.put("raw/key", b"x")
    assert store.uri == f"s3://{bucket}"
    assert store.url("raw/key") == f"s3://{bucket}/raw/key"
    assert [info.key for info in store.list("")] == ["raw/key"]


def test_a_missing_bucket_names_what_to_do(s3: S3Client) -> None:
    store = open_store("s3://no-such-bucket/lake", s3=s3)
    for ask in (lambda: store.put("key", b"x"), lambda: list(store.list("")), lambda: store.get("key")):
        with pytest.raises(StoreError, match=r"NoSuchBucket.*create the bucket, or correct GAMELAKE_URI"):
            ask()


def test_missing_credentials_name_what_to_do(
    moto_endpoint: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_ENDPOINT_URL", moto_endpoint)
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    with pytest.raises(StoreError, match=r"PutObject 'key'.*AWS_ACCESS_KEY_ID.*aws_default"):
        open_store("s3://bucket/lake").put("key", b"x")


@pytest.mark.parametrize(
    "session", ["sso_session = work", "sso_start_url = https://work.example/start\nsso_region = us-east-1"]
)
def test_a_profile_without_a_session_asks_to_log_in(
    session: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    isolate(monkeypatch, tmp_path, AWS_PROFILE="me", AWS_DEFAULT_REGION="us-east-1", HOME=str(tmp_path))
    profile = f"[profile me]\n{session}\nsso_account_id = 1\nsso_role_name = reader\n"
    other = "[sso-session work]\nsso_region = us-east-1\nsso_start_url = https://work.example/start\n"
    (tmp_path / "aws-config").write_text(profile + other, encoding="utf-8")
    with pytest.raises(StoreError, match=r"log in again with that profile: `aws sso login`"):
        open_store("s3://bucket/lake").get("key")


def test_a_server_that_is_down_names_what_to_do() -> None:
    client = boto3.client(
        "s3",
        endpoint_url="http://127.0.0.1:9",  # the discard port: no server listens
        region_name="us-east-1",
        aws_access_key_id="test",
        aws_secret_access_key="test",
        config=Config(retries={"max_attempts": 0}),
    )
    with pytest.raises(StoreError, match=r"GetObject 'key'.*endpoint_url of connection aws_default .* right\?"):
        open_store("s3://bucket/lake", s3=client).get("key")


@pytest.mark.parametrize("variable", ["AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3"])
def test_a_server_that_a_variable_names_wrongly(variable: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    isolate(monkeypatch, tmp_path, AWS_ACCESS_KEY_ID="a", AWS_SECRET_ACCESS_KEY="b", AWS_MAX_ATTEMPTS="1")
    monkeypatch.setenv(variable, "http://127.0.0.1:9")
    with pytest.raises(StoreError, match=rf"is the server up, and {variable} right\?"):
        open_store("s3://bucket/lake").get("key")


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("AWS_PROFILE", "missing"),
        ("AWS_DEFAULT_REGION", "no_region"),
        ("AWS_ENDPOINT_URL", "localhost:8333"),
        ("AWS_ENDPOINT_URL", "http://[::1"),
        ("AWS_REQUEST_CHECKSUM_CALCULATION", "never"),
    ],
)
def test_a_value_that_boto3_refuses_names_what_to_do(
    variable: str, value: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    isolate(monkeypatch, tmp_path, AWS_ACCESS_KEY_ID="key", AWS_SECRET_ACCESS_KEY="secret", **{variable: value})
    with pytest.raises(StoreError, match=r"open 's3://bucket/lake': .*correct it where it is: a variable such as AWS_"):
        open_store("s3://bucket/lake")


def test_a_proxy_that_is_down_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    isolate(monkeypatch, tmp_path, AWS_ACCESS_KEY_ID="a", AWS_SECRET_ACCESS_KEY="b", HTTPS_PROXY="http://127.0.0.1:9")
    with pytest.raises(StoreError, match="is the proxy up, and HTTP_PROXY or HTTPS_PROXY right"):
        open_store("s3://bucket/lake").get("key")


def test_expired_credentials_are_named_where_s3_answers_without_a_body(faulty_store: Store, proxy: Any) -> None:
    """A HEAD's answer has no body: boto3 sees `400 Bad Request` alone."""
    faulty_store.put("key", b"x")
    # boto3 takes it for a wrong region, and asks the bucket for the right one.
    proxy.plan = [("HEAD", "expired"), ("HEAD", "expired"), ("GET", "expired")]
    with pytest.raises(StoreError, match="credentials have expired: renew them"):
        faulty_store.info("key")
    assert proxy.seen[-3:] == ["HEAD", "HEAD", "GET"]


@pytest.mark.parametrize(("fault", "todo"), [("skewed", "clock .* set it"), ("archived", "restore-object")])
def test_a_refusal_names_what_to_do(faulty_store: Store, proxy: Any, fault: str, todo: str) -> None:
    proxy.plan = [("GET", fault)]
    with pytest.raises(StoreError, match=todo):
        faulty_store.get("key")


def test_a_refused_head_whose_get_succeeds_stays_refused(faulty_store: Store, proxy: Any) -> None:
    faulty_store.put("key", b"x")
    proxy.plan = [("HEAD", "denied")]
    with pytest.raises(StoreError, match=r"HeadObject 'key': 403 .*s3:ListBucket"):
        faulty_store.info("key")


@pytest.mark.parametrize(
    ("method", "ask", "right"),
    [
        ("GET", lambda store: list(store.list("")), "s3:ListBucket"),
        ("GET", lambda store: store.get("key"), "s3:GetObject"),
        ("GET", lambda store: store.tags("key"), "s3:GetObjectTagging"),
        ("GET", differences, "s3:GetLifecycleConfiguration"),
        ("PUT", lambda store: store.put("key", b"y"), "s3:PutObject and s3:PutObjectTagging"),
        ("PUT", lambda store: store.tag("key", {"status": "final"}), "s3:PutObjectTagging"),
        ("DELETE", lambda store: store.delete("key"), "s3:DeleteObject"),
    ],
)
def test_an_operation_that_is_denied_names_its_own_right(
    faulty_store: Store, proxy: Any, method: str, ask: Callable[[Store], object], right: str
) -> None:
    faulty_store.put("key", b"x")
    proxy.plan = [(method, "denied")]
    with pytest.raises(StoreError, match=rf"AccessDenied .*the credentials need {right} "):
        ask(faulty_store)


def test_a_server_without_the_list_of_objects_has_no_empty_lake() -> None:
    with other_server(404, b"") as store, pytest.raises(StoreError, match="the reply has status 404 and no body"):
        list(store.list("raw/"))


PAGE = b"<!DOCTYPE html><html><body>Please sign in</body></html>"
CALLS: dict[str, Callable[[Store], object]] = {
    "put": lambda store: store.put("raw/a", b"1", if_absent=True),
    "get": lambda store: store.get("raw/a"),
    "info": lambda store: store.info("raw/a"),
    "list": lambda store: list(store.list("raw/")),
    "tags": lambda store: store.tags("raw/a"),
    "copy": lambda store: store.copy("raw/a", "raw/b"),
    "delete": lambda store: store.delete("raw/a"),
}


@contextmanager
def other_server(status: int, body: bytes, **headers: str) -> Iterator[Store]:
    """A store at a server that is no S3 server and has one reply: a login, a console or a proxy."""

    class Reply(BaseHTTPRequestHandler):
        def do_any(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length") or 0))
            self.send_response(status)
            for name, value in {**headers, "Content-Length": str(len(body))}.items():
                self.send_header(name.replace("_", "-"), value)
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(body)

        do_GET = do_PUT = do_DELETE = do_HEAD = do_any  # noqa: N815 - as the standard library calls them

        def log_message(self, *_: object) -> None:
            """Nothing to say."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Reply) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        client = boto3.client(
            "s3",
            endpoint_url=f"http://127.0.0.1:{server.server_address[1]}",
            region_name="us-east-1",
            aws_access_key_id="test",
            aws_secret_access_key="test",
            config=Config(retries={"mode": "standard", "max_attempts": 1}),
        )
        try:
            yield open_store("s3://lake/prefix", s3=client)
        finally:
            server.shutdown()


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize(
    ("status", "body", "headers", "reason"),
    [
        (200, PAGE, {"Content_Type": "text/html"}, "the reply (is a page of HTML|has status 200 and no Last-Modified)"),
        (403, PAGE, {"Content_Type": "text/html"}, "the reply is a page of HTML|403"),
        (404, PAGE, {"Content_Type": "text/html"}, "the reply is a page of HTML|no such object"),
        (404, b'{"error": "no such route"}', {}, "the reply has status 404 and is no XML|no such object"),
        (302, b"", {"Location": "https://login.example/"}, "status 302: a redirect to https://login.example/"),
        (200, b"", {}, "the reply has status 200 and no (ETag|Last-Modified|body)"),
    ],
    ids=["page", "forbidden", "absent", "not-found", "redirect", "empty"],
)
def test_a_reply_of_another_server_is_an_error(
    call: str, status: int, body: bytes, headers: dict[str, str], reason: str
) -> None:
    """A page or an empty reply is no success, no object and no empty listing; a redirect is followed nowhere."""
    if (status, body, call) == (200, b"", "delete"):
        pytest.skip("S3 confirms a deletion without a body too")
    with other_server(status, body, **headers) as store, pytest.raises(StoreError, match=reason) as caught:
        CALLS[call](store)
    if (status, call) == (404, "info"):  # a HEAD has no body: it looks as S3's own
        assert isinstance(caught.value, ObjectNotFoundError)
    else:
        assert not isinstance(caught.value, ObjectNotFoundError)
