"""The rights that S3's operations need: what to give when one is denied."""

from __future__ import annotations

DENIED = {"AccessDenied", "403"}
"""The error codes of an operation that the credentials have no right for."""

_READ = "s3:GetObject on the object, and s3:ListBucket on the bucket: without that S3 denies an object that is absent"
_WRITE = "s3:PutObject and s3:PutObjectTagging on the object"
_SETUP = "on the bucket, as the policy `setup` has it"
_OTHER_NAMES = {
    "ListObjectsV2": "s3:ListBucket on the bucket",
    "HeadObject": _READ,
    "GetObject": _READ,
    "PutObject": _WRITE,
    "CopyObject": f"s3:GetObject and s3:GetObjectTagging on what is copied, {_WRITE} that is made",
    "CreateMultipartUpload": _WRITE,
    "UploadPart": _WRITE,
    "CompleteMultipartUpload": _WRITE,
    "GetBucketLifecycleConfiguration": f"s3:GetLifecycleConfiguration {_SETUP}",
    "PutBucketLifecycleConfiguration": f"s3:PutLifecycleConfiguration {_SETUP}",
}


def needed(operation: str) -> str:
    """Return which rights an operation needs: most have the operation's name."""
    return f"the credentials need {_OTHER_NAMES.get(operation, f's3:{operation} on the object')}"
