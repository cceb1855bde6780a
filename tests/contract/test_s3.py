"""A bucket of a real MinIO as the store: the promises of every store, and the words for a set-up that is wrong."""

import random
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import replace
from datetime import datetime, timedelta
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest

from contract.exits import BAD_INPUT, STORE_FAILED, BadInput, StoreFailed
from contract.opening import open_store
from contract.store import Store
from tests.cluster.certificates import Authority
from tests.cluster.minio import Minio
from tests.cluster.running import running_minio_with_tls
from tests.contract.fronts import (
    Answer,
    Forward,
    Front,
    Message,
    first,
    flipped,
    front_of,
    ignoring_conditions,
    refusal,
)
from tests.contract.store_suite import StoreSuite
from tests.launcher.serving import serving


@pytest.fixture
def settings(minio: Minio, monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """The environment of a program that uses `minio`, to be spoilt."""
    for name, value in minio.environment().items():
        monkeypatch.setenv(name, value)
    return monkeypatch


class TestS3Store(StoreSuite):
    @pytest.fixture
    def store(self, settings: pytest.MonkeyPatch, bucket: str) -> Store:
        return open_store(f"s3://{bucket}/a/prefix")


def test_stores_under_two_prefixes_do_not_see_each_other(settings: pytest.MonkeyPatch, bucket: str):
    one, other, whole = (open_store(f"s3://{bucket}{prefix}") for prefix in ("/one", "/one-more", ""))
    one.put("k", b"1")
    other.put("k", b"2")
    assert (one.get("k"), other.get("k")) == (b"1", b"2")
    assert list(one.list("")) == ["k"]
    assert list(whole.list("")) == ["one-more/k", "one/k"]


def test_a_listing_of_more_than_one_page_is_whole(settings: pytest.MonkeyPatch, bucket: str):
    store = open_store(f"s3://{bucket}")
    keys = [f"results/{i:04}.json" for i in range(1100)]
    with ThreadPoolExecutor(32) as writers:
        list(writers.map(lambda key: store.put(key, b""), keys))
    assert list(store.list("results/")) == keys


def test_a_store_that_can_be_written_is_left_empty(settings: pytest.MonkeyPatch, bucket: str):
    store = open_store(f"s3://{bucket}/prefix")
    store.check_writable()
    assert list(open_store(f"s3://{bucket}").list("")) == []


def test_what_is_large_goes_in_parts(settings: pytest.MonkeyPatch, minio: Minio, bucket: str):
    data = random.Random(0).randbytes(40 * 2**20)
    store = open_store(f"s3://{bucket}")
    store.put("adapter", data)
    stored = minio.client().head_object(Bucket=bucket, Key="adapter", ChecksumMode="ENABLED")
    assert stored["ETag"].strip('"').endswith("-3")
    assert stored["ChecksumSHA256"].endswith("-3")
    assert store.get("adapter") == data


@pytest.fixture
def behind(settings: pytest.MonkeyPatch, minio: Minio, bucket: str) -> Iterator[Callable[..., Store]]:
    """Opens the bucket by way of a front."""
    with ExitStack() as fronts:

        def opened(front: Front, **options: Any) -> Store:
            settings.setenv("AWS_ENDPOINT_URL_S3", fronts.enter_context(front_of(minio, front)))
            return open_store(f"s3://{bucket}", **options)

        yield opened


def changed(message: Message, forward: Forward) -> Answer:
    answer = forward(message)
    return replace(answer, body=flipped(answer.body))


def cut(message: Message, forward: Forward) -> Answer:
    answer = forward(message)
    return replace(answer, sent=answer.body[:100])


def mangled(message: Message, forward: Forward) -> Answer:
    answer = forward(message)
    return replace(answer, body=answer.body.replace(b"<", b"?", 2))


@pytest.mark.parametrize("odd", [changed, cut])
def test_what_was_changed_or_cut_on_its_way_is_read_again(
    behind: Callable[..., Store], minio: Minio, bucket: str, odd: Front
):
    """Also what another program stored, without our sha256."""
    data = b"whole" * 1000
    store = behind(first(1, odd, method="GET"))
    store.put("ours", data)
    assert store.get("ours") == data
    minio.client().put_object(Bucket=bucket, Key="theirs", Body=data)
    assert behind(first(1, odd, method="GET")).get("theirs") == data


@pytest.mark.parametrize("odd", [cut, mangled])
def test_a_listing_that_was_cut_or_mangled_on_its_way_is_asked_for_again(behind: Callable[..., Store], odd: Front):
    store = behind(first(2, odd, method="GET"))
    store.put("k", b"v")
    assert list(store.list("")) == ["k"]


def test_nothing_there_is_told_again_where_the_answer_was_cut(behind: Callable[..., Store]):
    assert behind(first(2, cut, method="GET")).get("absent") is None


def test_bytes_that_are_other_ones_at_each_reading_are_a_failure_of_the_store(behind: Callable[..., Store]):
    """And no damaged result, which would be the user's to clear away."""

    def noisy(message: Message, forward: Forward) -> Answer:
        answer = forward(message)
        return replace(answer, body=random.randbytes(len(answer.body)))

    store = behind(first(9, noisy, method="GET"))
    store.put("k", b"whole" * 1000)
    with pytest.raises(StoreFailed, match=r"cannot read .*/k: 5 times its bytes were cut or changed on their way"):
        store.get("k")
    with pytest.raises(StoreFailed, match="cannot read"):
        behind(first(9, cut, method="GET")).get("k")


@pytest.mark.parametrize("size", [1000, 40 * 2**20], ids=["whole", "in parts"])
def test_what_was_changed_on_its_way_in_is_sent_again(behind: Callable[..., Store], size: int):
    data = random.Random(1).randbytes(size)
    store = behind(first(2, lambda m, forward: forward(replace(m, body=flipped(m.body))), method="PUT"))
    store.put("k", data)
    assert store.get("k") == data


def carried_out_and_not_told(message: Message, forward: Forward) -> Answer:
    forward(message)
    return refusal(500, "InternalError")


def test_a_write_whose_answer_was_lost_is_done(behind: Callable[..., Store]):
    store = behind(first(1, carried_out_and_not_told, method="PUT"))
    assert store.publish("results/a/1.json", b"first")
    assert not store.publish("results/a/1.json", b"second")
    assert store.get("results/a/1.json") == b"first"


def test_parts_whose_completion_was_not_told_are_complete(behind: Callable[..., Store]):
    lost = first(1, carried_out_and_not_told, method="POST")
    store = behind(lambda m, forward: lost(m, forward) if "uploadId=" in m.url else forward(m))
    data = random.Random(2).randbytes(20 * 2**20)
    store.put("adapter", data)
    assert store.get("adapter") == data


def test_what_is_damaged_in_the_store_is_left_to_its_reader(settings: pytest.MonkeyPatch, minio: Minio, bucket: str):
    """One damaged result must not hide the others; its digest tells."""
    minio.client().put_object(Bucket=bucket, Key="k", Body=b"damaged", Metadata={"sha256": "0" * 64})
    assert open_store(f"s3://{bucket}").get("k") == b"damaged"


def test_a_store_that_asks_to_slow_down_is_asked_again(behind: Callable[..., Store]):
    store = behind(first(3, lambda *_: refusal(503, "SlowDown"), method="PUT"))
    assert store.publish("k", b"v")
    assert store.get("k") == b"v"


def test_a_store_that_ignores_conditions_is_refused(behind: Callable[..., Store], minio: Minio):
    with pytest.raises(BadInput, match=r"RESULTS_URI=.*ignores If-None-Match.*RESULTS_UNSAFE=1") as caught:
        behind(ignoring_conditions(minio)).check_writable()
    assert "\n" not in str(caught.value)


def test_a_store_that_knows_no_conditions_is_refused(behind: Callable[..., Store]):
    def ignorant(message: Message, forward: Forward) -> Answer:
        return refusal(501, "NotImplemented") if "If-None-Match" in message.headers else forward(message)

    with pytest.raises(BadInput, match=r"NotImplemented.*RESULTS_UNSAFE=1"):
        behind(ignorant, tries=1).check_writable()
    self_willed = behind(ignorant, unsafe=True)
    self_willed.check_writable()
    assert self_willed.unsafe
    assert self_willed.publish("k", b"first")
    assert not self_willed.publish("k", b"second")
    assert self_willed.get("k") == b"first"


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"AWS_SECRET_ACCESS_KEY": "wrong"}, ["SignatureDoesNotMatch", "check AWS_SECRET_ACCESS_KEY"]),
        ({"AWS_ACCESS_KEY_ID": "nobody"}, ["InvalidAccessKeyId", "check AWS_ACCESS_KEY_ID"]),
        ({"AWS_SESSION_TOKEN": "of-long-ago"}, ["security token", "renew the credentials"]),
        ({"AWS_ENDPOINT_URL_S3": "no-url"}, ["no-url", "check AWS_ENDPOINT_URL"]),
        ({"AWS_ENDPOINT_URL_S3": "ftp://127.0.0.1"}, ["ftp://127.0.0.1", "check AWS_ENDPOINT_URL"]),
        ({"AWS_DEFAULT_REGION": "no region"}, ["no region", "check AWS_DEFAULT_REGION"]),
        ({"AWS_PROFILE": "nosuch"}, ["nosuch", "check AWS_PROFILE"]),
        ({"AWS_SHARED_CREDENTIALS_FILE": __file__}, [__file__, "AWS_SHARED_CREDENTIALS_FILE"]),
    ],
)
def test_a_wrong_setting_is_named_with_the_way_out(
    settings: pytest.MonkeyPatch, bucket: str, changes: dict[str, str], words: list[str]
):
    for name, value in changes.items():
        settings.setenv(name, value)
    assert_refused(lambda: open_store(f"s3://{bucket}/prefix").check_writable(), f"s3://{bucket}/prefix", *words)


def assert_refused(call: Callable[[], object], uri: str, *words: str) -> None:
    """As the user's mistake, in one line."""
    with pytest.raises(BadInput) as caught:
        call()
    for word in [f"RESULTS_URI={uri}", *words]:
        assert word in str(caught.value)
    assert "\n" not in str(caught.value)
    assert caught.value.exit_code is BAD_INPUT


@pytest.mark.parametrize("name", ["b", "Upper-Case", "under_score"])
def test_a_name_that_no_bucket_has(settings: pytest.MonkeyPatch, name: str):
    assert_refused(lambda: open_store(f"s3://{name}").check_writable(), f"s3://{name}", "bucket")


def without_keys(settings: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        settings.delenv(name)
    settings.setenv("AWS_EC2_METADATA_DISABLED", "true")
    settings.setenv("AWS_SHARED_CREDENTIALS_FILE", "/nonexistent")


def test_without_credentials(settings: pytest.MonkeyPatch, bucket: str):
    without_keys(settings)
    assert_refused(lambda: open_store(f"s3://{bucket}").check_writable(), f"s3://{bucket}", "AWS_PROFILE")


def test_a_profile_brings_the_credentials(settings: pytest.MonkeyPatch, minio: Minio, bucket: str, tmp_path: Path):
    without_keys(settings)
    keys = f"aws_access_key_id={minio.user}\naws_secret_access_key={minio.password}"
    (tmp_path / "credentials").write_text(f"[study]\n{keys}\n")
    settings.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))
    settings.setenv("AWS_PROFILE", "study")
    open_store(f"s3://{bucket}").check_writable()


def test_a_web_identity_brings_the_credentials(settings: pytest.MonkeyPatch, minio: Minio, bucket: str, tmp_path: Path):
    """As a pod has one: a token in a file and a role, which the token service changes into credentials for a while."""
    made = minio.of_somebody_with("s3:*")
    without_keys(settings)
    settings.setenv("AWS_ROLE_ARN", "arn:aws:iam::123456789012:role/trainer")
    settings.setenv("AWS_WEB_IDENTITY_TOKEN_FILE", str(tmp_path / "token"))
    with serving(token_service(made)) as place:
        settings.setenv("AWS_ENDPOINT_URL_STS", f"http://{place}")
        uri = f"s3://{bucket}"
        assert_refused(lambda: open_store(uri).check_writable(), uri, "AWS_WEB_IDENTITY_TOKEN_FILE")
        (tmp_path / "token").write_text("a token of the cluster's")
        open_store(uri).check_writable()


def token_service(made: dict[str, str]) -> type[BaseHTTPRequestHandler]:
    keys = {"AccessKeyId": "AWS_ACCESS_KEY_ID", "SecretAccessKey": "AWS_SECRET_ACCESS_KEY"} | {
        "SessionToken": "AWS_SESSION_TOKEN"
    }
    fields = "".join(f"<{tag}>{made[name]}</{tag}>" for tag, name in keys.items())
    credentials = f"<Credentials>{fields}<Expiration>2099-01-01T00:00:00Z</Expiration></Credentials>"
    action = "AssumeRoleWithWebIdentity"
    body = f"<{action}Response><{action}Result>{credentials}</{action}Result></{action}Response>".encode()

    class TokenService(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            asked = self.rfile.read(int(self.headers["Content-Length"])).decode()
            assert "WebIdentityToken=a+token+of+the+cluster" in asked
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    return TokenService


@pytest.mark.parametrize(
    "actions",
    [
        ("s3:GetObject", "s3:ListBucket"),
        ("s3:GetObject", "s3:ListBucket", "s3:PutObject"),
        ("s3:DeleteObject", "s3:PutObject", "s3:ListBucket"),
    ],
    ids=["read only", "nothing is deleted", "nothing is read"],
)
def test_rights_that_do_not_suffice_to_write(
    settings: pytest.MonkeyPatch, minio: Minio, bucket: str, actions: tuple[str, ...]
):
    for name, value in minio.of_somebody_with(*actions).items():
        settings.setenv(name, value)
    store = open_store(f"s3://{bucket}")
    assert list(store.list("results/")) == []
    assert_refused(store.check_writable, store.uri, "AccessDenied", "s3:PutObject and s3:DeleteObject")


def test_rights_that_do_not_suffice_to_read(settings: pytest.MonkeyPatch, minio: Minio, bucket: str):
    """`status` and the report never write: the first thing that they ask tells."""
    for name, value in minio.of_somebody_with("s3:PutObject").items():
        settings.setenv(name, value)
    store = open_store(f"s3://{bucket}")
    assert_refused(lambda: list(store.list("results/")), store.uri, "AccessDenied", "s3:ListBucket")


@pytest.mark.parametrize(
    ("status", "code", "words"),
    [
        (400, "ExpiredToken", "renew the credentials"),
        (400, "AuthorizationHeaderMalformed", "set AWS_DEFAULT_REGION to the bucket's region"),
    ],
)
def test_what_ends_while_the_store_is_used_is_no_mistake(
    behind: Callable[..., Store], status: int, code: str, words: str
):
    """At the start it is the user's to mend; a training that was under way may go on when it is mended."""
    told = refusal(status, code)
    fresh = behind(lambda *_: told, tries=1)
    assert_refused(fresh.check_writable, fresh.uri, code, words)
    used = behind(lambda m, forward: forward(m) if m.method == "PUT" else told, tries=1)
    used.put("k", b"v")
    with pytest.raises(StoreFailed, match=words) as caught:
        used.get("k")
    assert caught.value.exit_code is STORE_FAILED


def test_a_clock_that_is_off(behind: Callable[..., Store]):
    """MinIO looks at the time of a request before its signature."""

    def an_hour_ago(message: Message, forward: Forward) -> Answer:
        then = datetime.strptime(message.headers["X-Amz-Date"], "%Y%m%dT%H%M%SZ") - timedelta(hours=1)
        return forward(replace(message, headers=dict(message.headers) | {"X-Amz-Date": f"{then:%Y%m%dT%H%M%SZ}"}))

    store = behind(an_hour_ago)
    assert_refused(store.check_writable, store.uri, "RequestTimeTooSkewed", "set the clock of this machine")


def test_a_store_that_does_not_answer_is_no_mistake(settings: pytest.MonkeyPatch, bucket: str):
    """It may be starting again: a Job whose trainer called it bad input would not be tried again."""
    settings.setenv("AWS_ENDPOINT_URL_S3", "http://127.0.0.1:9")
    with pytest.raises(StoreFailed, match=r"127\.0\.0\.1:9.*check AWS_ENDPOINT_URL and the network") as caught:
        open_store(f"s3://{bucket}", tries=1).check_writable()
    assert caught.value.exit_code is STORE_FAILED


class TestTls:
    @pytest.fixture(scope="class")
    @staticmethod
    def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
        return Authority(tmp_path_factory.mktemp("authority") / "pki")

    @pytest.fixture(scope="class")
    @staticmethod
    def secured(
        authority: Authority, cluster_binaries: dict[str, Path], tmp_path_factory: pytest.TempPathFactory
    ) -> Iterator[Minio]:
        """Whose region is not the usual one."""
        folder = tmp_path_factory.mktemp("secured")
        with running_minio_with_tls(cluster_binaries, folder, authority, "eu-central-1") as minio:
            yield minio

    @pytest.fixture
    def uri(self, secured: Minio, authority: Authority, monkeypatch: pytest.MonkeyPatch) -> str:
        """Of a bucket whose store is trusted."""
        for name, value in (secured.environment() | {"AWS_CA_BUNDLE": str(authority.certificate)}).items():
            monkeypatch.setenv(name, value)
        return f"s3://{secured.new_bucket()}/study"

    def test_a_store_of_a_private_authority(self, uri: str):
        data = b"x" * 20_000_000
        store = open_store(uri)
        store.check_writable()
        store.put("adapter", data)
        assert store.get("adapter") == data

    def test_one_that_is_not_trusted(self, uri: str, monkeypatch: pytest.MonkeyPatch):
        monkeypatch.delenv("AWS_CA_BUNDLE")
        assert_refused(open_store(uri, tries=1).check_writable, uri, "CERTIFICATE_VERIFY_FAILED", "AWS_CA_BUNDLE")

    def test_a_bundle_that_is_not_there(self, uri: str, monkeypatch: pytest.MonkeyPatch):
        monkeypatch.setenv("AWS_CA_BUNDLE", "/nonexistent")
        assert_refused(open_store(uri, tries=1).check_writable, uri, "No such file", "AWS_CA_BUNDLE")

    def test_a_wrong_region_is_put_right(self, uri: str, monkeypatch: pytest.MonkeyPatch):
        """The refusal names the right one, and boto3 signs anew; without a name the setting is asked for, as above."""
        monkeypatch.setenv("AWS_DEFAULT_REGION", "us-west-2")
        open_store(uri).check_writable()


def test_a_bucket_that_is_not_there(settings: pytest.MonkeyPatch):
    store = open_store("s3://no-such-bucket-here")
    calls = [store.check_writable, lambda: list(store.list("results/")), lambda: store.put("k", b"")]
    for call in calls:
        with pytest.raises(StoreFailed) as caught:
            call()
        assert isinstance(caught.value, BadInput)
        assert caught.value.exit_code is BAD_INPUT
        assert str(caught.value).startswith("RESULTS_URI=s3://no-such-bucket-here: ")
        assert str(caught.value).endswith("; make it first")


@pytest.mark.parametrize(
    ("name", "form"),
    [
        ("AWS_SESSION_TOKEN", "{}\n"),
        ("AWS_SECRET_ACCESS_KEY", "{}"),
        ("AWS_ENDPOINT_URL_S3", "http://me:{}@127.0.0.1:9"),
        ("AWS_ENDPOINT_URL_S3", "me:{}@127.0.0.1"),
    ],
)
def test_secrets_stay_out_of_errors(settings: pytest.MonkeyPatch, bucket: str, name: str, form: str):
    """boto3 names the endpoint that it cannot reach, and the header that it cannot send."""
    secret = "t0p/secret+value"
    settings.setenv(name, form.format(secret))
    with pytest.raises(StoreFailed) as caught:
        open_store(f"s3://{bucket}", tries=1).put("k", b"")
    assert secret not in str(caught.value)
    assert "secret+value" not in str(caught.value)
