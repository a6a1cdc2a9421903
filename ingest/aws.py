"""AWS for every source that asks it: whose credentials, and what its refusals mean."""

from typing import Any

import boto3
import botocore.session
from botocore.credentials import AssumeRoleCredentialFetcher, DeferredRefreshableCredentials
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    NoCredentialsError,
    PartialCredentialsError,
)

from ingest.errors import ApiError

EXPIRED = {
    "ExpiredToken",
    "ExpiredTokenException",
    "RequestExpired",
    "TokenRefreshRequired",
    "InvalidToken",
}
REFUSED = {"AccessDenied", "AccessDeniedException", "AllAccessDisabled", "Forbidden", "403"}
UNKNOWN_KEY = {
    "AuthFailure",
    "InvalidAccessKeyId",
    "InvalidClientTokenId",
    "InvalidSignatureException",
    "SignatureDoesNotMatch",
    "UnrecognizedClientException",
}
SLOW_DOWN = {
    "503",
    "RequestLimitExceeded",
    "SlowDown",
    "Throttling",
    "ThrottlingException",
    "TooManyRequestsException",
}
QUOTED_CHARACTERS = 200  # of what AWS says of an error


def aws_session(profile: str | None, region: str | None, role_arn: str | None) -> Any:
    """A boto3 session; with a role, its credentials are taken on and renewed when first needed.

    Raises BotoCoreError.
    """
    session = boto3.Session(profile_name=profile, region_name=region)
    if not role_arn:
        return session
    fetcher = AssumeRoleCredentialFetcher(
        session._session.create_client,
        session.get_credentials(),
        role_arn,
        extra_args={"RoleSessionName": "ml-carbon-observatory"},
    )
    inner = botocore.session.get_session()
    inner._credentials = DeferredRefreshableCredentials(fetcher.fetch_credentials, "assume-role")
    return boto3.Session(botocore_session=inner, region_name=region)


def refusal(error: ClientError | BotoCoreError, action: str) -> ApiError:
    """What AWS's error to an action such as `sagemaker:ListTags` means and what to do."""
    if isinstance(error, ClientError):
        facts = error.response.get("Error", {})
        code, said = str(facts.get("Code", "")), str(facts.get("Message", "")).strip()
        status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode")
        ends_asking = code in EXPIRED | UNKNOWN_KEY | SLOW_DOWN
        if code in EXPIRED:
            meaning = "the AWS credentials have expired; renew them (aws sso login, a new token)"
        elif code in UNKNOWN_KEY:
            meaning = "AWS does not know these credentials; correct the access key"
        elif code in REFUSED:
            meaning = f"access is denied; allow {action}"
        elif code in SLOW_DOWN:
            meaning = "AWS asked to slow down, time and again; the next night goes on there"
        else:
            meaning = said[:QUOTED_CHARACTERS] or "AWS refused the request"
        return ApiError(f"{meaning} ({code or status})", status, ends_asking)
    if isinstance(error, NoCredentialsError | PartialCredentialsError):
        remedy = "set AWS_PROFILE, AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or `profile`"
        return ApiError(f"no AWS credentials ({error}); {remedy}", ends_asking=True)
    return ApiError(str(error))
