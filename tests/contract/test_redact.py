"""What is cut out of a text, and what is left alone."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contract.redact import redacted, redacted_uri

NAMES = ["AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "HF_TOKEN", "HUGGING_FACE_HUB_TOKEN"]
SECRETS = st.text("abcXYZ019+/=_-", min_size=8, max_size=60)
TEXTS = st.text("abc \n'", max_size=20)


@given(st.sampled_from(NAMES), SECRETS, TEXTS, TEXTS)
def test_a_secret_of_the_environment_is_nowhere_in_the_text(name: str, secret: str, before: str, after: str):
    shown = redacted(f"{before}{secret}{after}{secret!r}", {name: f"{secret}\n"})
    assert secret not in shown


@given(SECRETS, TEXTS)
def test_the_userinfo_of_an_address_is_nowhere_in_the_text(secret: str, before: str):
    address = f"http://me:{secret}@store.example:9000"
    shown = redacted(f"{before}cannot reach {address}/bucket", {"AWS_ENDPOINT_URL": address})
    assert shown == f"{before}cannot reach http://***@store.example:9000/bucket"


@pytest.mark.parametrize("name", ["https_proxy", "HTTP_PROXY", "all_proxy"])
def test_the_password_of_a_proxy_goes_and_a_short_user_name_stays_elsewhere(name: str):
    assert redacted("via u:pa/ss@proxy", {name: "http://u:pa/ssword@proxy"}) == "via u:pa/ss@proxy"
    assert "pa/ssword" not in redacted("via u:pa/ssword@proxy", {name: "http://u:pa/ssword@proxy"})
    assert redacted("name the same message", {name: "http://me@proxy:3128"}) == "name the same message"


def test_other_words_stay_as_they_are():
    text = "s3://bucket/a@b: someone@example.org took 3 s at http://127.0.0.1:9000/bucket/@/x"
    assert redacted(text, {"HF_TOKEN": "a", "AWS_SECRET_ACCESS_KEY": ""}) == text


@pytest.mark.parametrize(
    ("uri", "shown"),
    [
        ("s3://bucket/prefix", "s3://bucket/prefix"),
        ("s3://me:a/b@bucket", "s3://***@bucket"),
        ("s3://bucket?versions", "s3://bucket?versions"),
        ("s3://bucket/a=b?Signature=xyz&Expires=1", "s3://bucket/a=b?Signature=***&Expires=***"),
    ],
)
def test_a_uri_is_shown_without_what_it_should_not_hold(uri: str, shown: str):
    assert redacted_uri(uri) == shown
