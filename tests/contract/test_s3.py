"""A bucket of a real MinIO as the store: the promises of every store, and the words for a set-up that is wrong."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from contract.exits import BAD_INPUT, BadInput, StoreFailed
from contract.store import Store, open_store
from tests.cluster.minio import Minio
from tests.contract.store_suite import StoreSuite


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


def test_an_answer_that_was_lost_is_no_lost_race(settings: pytest.MonkeyPatch, bucket: str):
    """The client asks again when the answer to its PUT was lost, and then finds its own object in the way."""
    store = open_store(f"s3://{bucket}")
    store.put("results/a/1.json", b"written by the request whose answer was lost")
    assert store.publish("results/a/1.json", b"written by the request whose answer was lost")
    assert not store.publish("results/a/1.json", b"another attempt's")


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"AWS_SECRET_ACCESS_KEY": "wrong"}, ["SignatureDoesNotMatch", "check AWS_SECRET_ACCESS_KEY"]),
        ({"AWS_ACCESS_KEY_ID": "nobody"}, ["InvalidAccessKeyId", "check AWS_ACCESS_KEY_ID"]),
        ({"AWS_ENDPOINT_URL_S3": "http://127.0.0.1:9"}, ["127.0.0.1:9", "check AWS_ENDPOINT_URL"]),
        ({"AWS_PROFILE": "nosuch"}, ["nosuch", "check AWS_PROFILE"]),
    ],
)
def test_a_wrong_setting_is_named_with_the_way_out(
    settings: pytest.MonkeyPatch, bucket: str, changes: dict[str, str], words: list[str]
):
    for name, value in changes.items():
        settings.setenv(name, value)
    with pytest.raises(BadInput) as caught:
        open_store(f"s3://{bucket}/prefix").check_writable()
    for word in [f"RESULTS_URI=s3://{bucket}/prefix", *words]:
        assert word in str(caught.value)
    assert "\n" not in str(caught.value)


def test_without_credentials(settings: pytest.MonkeyPatch, bucket: str):
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        settings.delenv(name)
    settings.setenv("AWS_EC2_METADATA_DISABLED", "true")
    settings.setenv("AWS_SHARED_CREDENTIALS_FILE", "/nonexistent")
    with pytest.raises(BadInput, match="AWS_PROFILE"):
        open_store(f"s3://{bucket}").check_writable()


def test_a_bucket_that_is_not_there(settings: pytest.MonkeyPatch):
    store = open_store("s3://no-such-bucket-here")
    calls = [store.check_writable, lambda: list(store.list("results/")), lambda: store.put("k", b"")]
    for call in calls:
        with pytest.raises(StoreFailed) as caught:
            call()
        assert isinstance(caught.value, BadInput)
        assert caught.value.exit_code is BAD_INPUT
        assert str(caught.value) == "s3://no-such-bucket-here: no such bucket; make it first"


def test_secrets_stay_out_of_errors(settings: pytest.MonkeyPatch, minio: Minio, bucket: str):
    settings.setenv("AWS_ACCESS_KEY_ID", "nobody")
    with pytest.raises(StoreFailed) as caught:
        open_store(f"s3://{bucket}").put("k", b"")
    assert minio.password not in str(caught.value)
