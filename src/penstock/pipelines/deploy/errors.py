"""What botocore raises, as errors that say what to do; nothing that they show is a credential.

Source: CloudFormation, "Common error types"; IAM, "Troubleshoot"; botocore's own exceptions.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from botocore import exceptions
from botocore.exceptions import BotoCoreError, ClientError
from botocore.parsers import ResponseParserError

from penstock.errors import TargetError

_UNKNOWN_CREDENTIALS: Final = frozenset(
    {
        "AuthFailure",
        "IncompleteSignature",
        "InvalidAccessKeyId",
        "InvalidClientTokenId",
        "InvalidSignatureException",
        "MissingAuthenticationToken",
        "SignatureDoesNotMatch",
        "UnrecognizedClientException",
    }
)
_EXPIRED: Final = frozenset(
    {"ExpiredToken", "ExpiredTokenException", "RequestExpired", "TokenRefreshRequired"}
)
_DENIED: Final = frozenset({"AccessDenied", "AccessDeniedException", "UnauthorizedOperation", "403"})
_TOO_MANY: Final = frozenset({"Throttling", "ThrottlingException", "RequestLimitExceeded", "SlowDown"})

_NO_CREDENTIALS: Final[tuple[type[Exception], ...]] = (
    exceptions.NoCredentialsError,
    exceptions.PartialCredentialsError,
    exceptions.CredentialRetrievalError,
    exceptions.ProfileNotFound,
    exceptions.TokenRetrievalError,
    exceptions.SSOError,
    exceptions.UnauthorizedSSOTokenError,
)
_NO_ANSWER: Final[tuple[type[Exception], ...]] = (
    exceptions.HTTPClientError,  # connections that are refused, cut, too slow, or of another certificate
    exceptions.ConnectionError,
)

_SECRETS: Final = (
    (re.compile(r"\b(?:AKIA|ASIA|AROA|AIDA)[A-Z0-9]{12,}\b"), "****"),
    (
        re.compile(
            r"(?i)\b(Credential|Signature|X-Amz-Security-Token|aws_[a-z_]*key[a-z_]*)(\s*[=:]\s*)[^\s,&'\"]+"
        ),
        r"\1\2****",
    ),
    (re.compile(r"//[^/@\s]+@"), "//****@"),
)


def code_of(error: ClientError) -> str:
    """AWS's error code."""
    return str(error.response.get("Error", {}).get("Code", ""))


def message_of(error: ClientError) -> str:
    """AWS's message, without anything in it that could be a credential."""
    return without_secrets(str(error.response.get("Error", {}).get("Message", "")) or code_of(error))


def without_secrets(text: str) -> str:
    """A text without access keys, signatures, tokens and passwords in URLs."""
    for pattern, instead in _SECRETS:
        text = pattern.sub(instead, text)
    return text


@contextmanager
def calling(place: str, *, local: bool) -> Iterator[None]:
    """Calls to AWS or an endpoint: what botocore raises in here comes out as a TargetError.

    Args:
        place: what is called, as the error shows it.
        local: whether it is an endpoint that is not AWS's own.

    Raises:
        TargetError: from `ClientError` and `BotoCoreError`.
    """
    try:
        yield
    except ClientError as error:
        if not code_of(error):  # a page of XHTML that some server or proxy has for what it refuses
            raise not_aws(place, local=local) from error
        raise TargetError(
            f"{_what(error)}: {message_of(error)}", at=place, fix=_fix(error, local=local)
        ) from error
    except _NO_CREDENTIALS as error:
        raise TargetError(
            f"there are no credentials to sign with: {without_secrets(str(error))}",
            at=place,
            fix="sign in (aws sso login), or set AWS_PROFILE to a profile that has them",
        ) from error
    except exceptions.NoRegionError as error:
        raise TargetError("no region is chosen", at=place, fix="give --region, or set AWS_REGION") from error
    except exceptions.InvalidRegionError as error:
        raise TargetError(
            str(error), at=place, fix="write --region (or AWS_REGION) as eu-central-1 is written"
        ) from error
    except exceptions.ConfigParseError as error:
        raise TargetError(
            str(error), at=place, fix="mend this file, or name another with AWS_CONFIG_FILE"
        ) from error
    except ResponseParserError as error:
        raise not_aws(place, local=local) from error
    except _NO_ANSWER as error:
        raise TargetError(
            f"the endpoint does not answer: {type(error).__name__}",
            at=place,
            fix="start it (penstock localstack up, or docker compose up -d localstack), or mend --endpoint-url"
            if local
            else "see whether this machine reaches AWS, whether --region is right, and its proxy settings",
        ) from error
    except BotoCoreError as error:
        raise TargetError(
            without_secrets(str(error)), at=place, fix="mend the request, and run the command again"
        ) from error


def not_aws(place: str, *, local: bool) -> TargetError:
    """What is said of an answer that is none of AWS's."""
    return TargetError(
        "what answers there does not speak AWS's protocol",
        at=place,
        fix="mend --endpoint-url"
        if local
        else "see this machine's proxy settings, and whether --region is right",
    )


def _what(error: ClientError) -> str:
    code = code_of(error)
    if code in _UNKNOWN_CREDENTIALS:
        return "the credentials are not accepted"
    if code in _EXPIRED:
        return "the credentials have expired"
    if code in _DENIED:
        return f"{error.operation_name} is not allowed"
    return f"{error.operation_name} was refused ({code})"


def _fix(error: ClientError, *, local: bool) -> str:
    code = code_of(error)
    if code in _UNKNOWN_CREDENTIALS:
        return "set AWS_PROFILE to the right profile, or sign in again (aws sso login)"
    if code in _EXPIRED:
        return "sign in again (aws sso login), and run the command again; it goes on where it was"
    if code in _DENIED:
        return "let the policy of this principal allow it, or use another with AWS_PROFILE"
    if code in _TOO_MANY:
        return "wait a little, and run the command again; it goes on where it was"
    if local:
        return "see the endpoint's own log; then run the command again"
    return "mend what it names, and run the command again"
