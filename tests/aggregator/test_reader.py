"""A bucket by quick reads: the same answers as the store itself gives, in the same words."""

import pytest

from aggregator.reading.reader import S3Reader, open_reader
from contract.exits import BAD_INPUT, ProgramError
from contract.folder import DirStore
from contract.opening import open_store
from contract.store import Reader, Store
from tests.cluster.minio import Minio


@pytest.fixture
def settings(minio: Minio, monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """The environment of a program that uses `minio`, to be spoilt."""
    for name, value in minio.environment().items():
        monkeypatch.setenv(name, value)
    return monkeypatch


@pytest.fixture(params=["", "/a/prefix", "/of us/v~1+2/100%25"], ids=["whole", "prefix", "odd"])
def pair(settings: pytest.MonkeyPatch, bucket: str, request: pytest.FixtureRequest) -> tuple[Store, Reader]:
    uri = f"s3://{bucket}{request.param}"
    return open_store(uri), open_reader(uri)


def test_what_the_store_has_is_read(pair: tuple[Store, Reader]):
    store, reader = pair
    assert isinstance(reader, S3Reader)
    content = {
        "results/a/1.json": b"1",
        "results/a-b/2.json": b"",
        "results/a b/~3.json": b"\x00\xff",
        "runs/x.json": b"x",
    }
    for key, data in content.items():
        store.put(key, data)
    for prefix in ("", "results/", "results/a", "results/a/", "results/a/1", "nothing/", "run"):
        assert list(reader.list(prefix)) == list(store.list(prefix))
    assert list(reader.entries("")) == list(store.entries(""))
    assert {key: reader.get(key) for key in content} == content
    assert reader.get("results/a/2.json") is None
    assert reader.uri == store.uri


def test_a_listing_of_more_than_one_page_is_whole(settings: pytest.MonkeyPatch, bucket: str):
    uri = f"s3://{bucket}/many"
    keys = [f"results/{i:04}.json" for i in range(1100)]
    store = open_store(uri)
    for key in keys:
        store.put(key, b"")
    assert list(open_reader(uri).list("results/")) == keys


def test_another_content_has_another_etag(settings: pytest.MonkeyPatch, bucket: str):
    uri = f"s3://{bucket}"
    tags = set()
    for data in (b"1", b"2"):
        open_store(uri).put("k", data)
        tags |= {entry.etag for entry in open_reader(uri).entries("k")}
    assert len(tags) == 2
    assert None not in tags


def test_a_folder_is_read_as_it_is(tmp_path):
    assert isinstance(open_reader(str(tmp_path)), DirStore)


def test_a_store_that_wants_the_bucket_in_the_host_is_left_to_boto3(settings, bucket: str, tmp_path):
    config = tmp_path / "config"
    config.write_text("[default]\ns3 =\n  addressing_style = virtual\n")
    settings.setenv("AWS_CONFIG_FILE", str(config))
    assert not isinstance(open_reader(f"s3://{bucket}"), S3Reader)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"AWS_SECRET_ACCESS_KEY": "wrong"}, ["SignatureDoesNotMatch", "check AWS_SECRET_ACCESS_KEY"]),
        ({"AWS_ACCESS_KEY_ID": "nobody"}, ["InvalidAccessKeyId", "check AWS_ACCESS_KEY_ID"]),
    ],
)
def test_a_wrong_setting_is_named_with_the_way_out(
    settings: pytest.MonkeyPatch, bucket: str, changes: dict[str, str], words: list[str]
):
    for name, value in changes.items():
        settings.setenv(name, value)
    for ask in (
        lambda: open_reader(f"s3://{bucket}/p").get("k"),
        lambda: list(open_reader(f"s3://{bucket}/p").list("")),
    ):
        with pytest.raises(ProgramError) as caught:
            ask()
        for word in [f"s3://{bucket}/p", *words]:
            assert word in str(caught.value)
        assert "\n" not in str(caught.value)


def test_without_credentials(settings: pytest.MonkeyPatch, bucket: str, tmp_path):
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        settings.delenv(name)
    settings.setenv("AWS_EC2_METADATA_DISABLED", "true")
    settings.setenv("HOME", str(tmp_path))
    with pytest.raises(ProgramError, match="set AWS_ACCESS_KEY_ID"):
        open_reader(f"s3://{bucket}").get("k")


def test_a_bucket_that_is_not_there_is_the_users_mistake(settings: pytest.MonkeyPatch):
    reader = open_reader("s3://no-such-bucket-here")
    for ask in (lambda: reader.get("k"), lambda: list(reader.list(""))):
        with pytest.raises(ProgramError, match="bucket does not exist; make it first") as caught:
            ask()
        assert caught.value.exit_code is BAD_INPUT
