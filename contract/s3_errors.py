"""What the errors of boto3 mean for a user: one line, with the way out where the set-up is at fault."""

from collections.abc import Mapping

from contract.exits import BAD_INPUT, BadInput, StoreFailed
from contract.redact import redacted

CONDITIONAL_WRITES = (
    "use a store with conditional writes, or RESULTS_UNSAFE=1 (LAUNCHER_RESULTS_UNSAFE=1), which every result records"
)
_RIGHTS = "these credentials need s3:ListBucket, s3:GetObject, s3:PutObject and s3:DeleteObject there"
_BUCKET_NAME = "bucket names have 3 to 63 lower-case letters, digits, dots and hyphens"
_ENDPOINT = "check AWS_ENDPOINT_URL and the network"
_REGION = "set AWS_DEFAULT_REGION to the bucket's region"
_RENEW = "renew the credentials"
_WEB_IDENTITY = "check AWS_WEB_IDENTITY_TOKEN_FILE and AWS_ROLE_ARN, or the profile's credential_process"

_MISTAKES = {
    "NoSuchBucket": "make it first",
    "InvalidBucketName": _BUCKET_NAME,
    "ParamValidationError": _BUCKET_NAME,
    "AccessDenied": _RIGHTS,
    "AllAccessDisabled": _RIGHTS,
    "InvalidAccessKeyId": "check AWS_ACCESS_KEY_ID",
    "SignatureDoesNotMatch": "check AWS_SECRET_ACCESS_KEY",
    "NoCredentialsError": "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE",
    "PartialCredentialsError": "set both AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY",
    "ProfileNotFound": "check AWS_PROFILE",
    "ConfigParseError": "mend it, or name another with AWS_SHARED_CREDENTIALS_FILE or AWS_CONFIG_FILE",
    "ExpiredToken": _RENEW,
    "ExpiredTokenException": _RENEW,
    "InvalidToken": _RENEW,
    "InvalidTokenId": _RENEW,
    "FileNotFoundError": _WEB_IDENTITY,
    "PermissionError": _WEB_IDENTITY,
    "InvalidIdentityToken": _WEB_IDENTITY,
    "RequestTimeTooSkewed": "set the clock of this machine",
    "NoRegionError": "set AWS_DEFAULT_REGION",
    "InvalidRegionError": "check AWS_DEFAULT_REGION",
    "AuthorizationHeaderMalformed": _REGION,
    "IllegalLocationConstraintException": _REGION,
    "PermanentRedirect": _REGION,
    "SSLError": "give the store's CA with AWS_CA_BUNDLE, and check that AWS_ENDPOINT_URL speaks TLS",
    "ValueError": "check AWS_ENDPOINT_URL",
    "EndpointResolutionError": "check AWS_ENDPOINT_URL",
    "NotImplemented": CONDITIONAL_WRITES,
}
"""Of a set-up, by the error's code or class, and the way out of each."""

_OUTAGES = {"EndpointConnectionError": _ENDPOINT, "ConnectTimeoutError": _ENDPOINT}
"""What may be a mistake, but passes by itself where it is none."""


class Misconfigured(StoreFailed, BadInput):
    """The store cannot work as it is set up: for whoever writes to it a failure, for the user a mistake."""

    exit_code = BAD_INPUT


def code_of(error: BaseException) -> str:
    """`NoSuchBucket` of an answer, `EndpointConnectionError` of a request that had none."""
    return str(_answer(error).get("Code") or type(error).__name__)


def is_mistake(error: BaseException) -> bool:
    """Whether the user has to change something before the same request can succeed."""
    return code_of(error) in _MISTAKES


def reason(error: BaseException) -> str:
    """One line without credentials, with the way out."""
    code, answer = code_of(error), _answer(error)
    told = f"{code}: {answer.get('Message', '')}" if answer else str(error)
    words = " ".join(redacted(told).split()).rstrip(".")
    remedy = _MISTAKES.get(code) or _OUTAGES.get(code)
    return f"{words}; {remedy}" if remedy else words


def _answer(error: BaseException) -> Mapping[str, str]:
    """What the store says of its refusal; empty where it said nothing."""
    response = getattr(error, "response", None) or {}
    return dict(response.get("Error", {}))
