"""S3's lifecycle rules for objects that the lake no longer needs; one command applies them.

    temp        parts of runs that never committed                     1 day
    outdated    parts that the newest commit no longer lists           7 days
    multipart   uploads that never completed, of raw/ and of marts/    1 day

S3 counts an object's days from its creation, not from when it was tagged; that is why a part is copied onto itself when
it is tagged `outdated` (`Store.tag`, `reset_age`). On a disk nothing expires: `audit` removes there. Rules that others
set on the bucket, or for other lakes in it, are left alone.

    LifecycleError     the bucket's rules are not the ones above
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

from gamelake.lake.keys import RAW
from gamelake.lake.s3_errors import s3_errors

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gamelake.lake.s3 import S3Store

_ID = "gamelake-"
_MARTS = "marts/"


class LifecycleError(Exception):
    """The bucket's rules are not the ones that the lake needs.

    Args:
        uri: The lake.
        differences: A line for each rule that differs.
    """

    def __init__(self, uri: str, differences: Sequence[str]) -> None:
        hint = "the lifecycle rules differ; apply them: gamelake lake lifecycle --apply"
        super().__init__("\n  ".join([f"{uri}: {hint}", *differences]))
        self.uri = uri
        self.differences = differences


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule, in the form in which rules are compared: servers word the same rule differently.

    status: the value of the tag `status` that it is for, None for unfinished uploads. days: after creation.
    """

    id: str
    prefix: str
    status: str | None
    days: int

    def to_s3(self) -> dict[str, Any]:
        """Return the rule as S3's API takes it."""
        common = {"ID": self.id, "Status": "Enabled"}
        if self.status is None:
            upload = {"DaysAfterInitiation": self.days}
            return common | {"Filter": {"Prefix": self.prefix}, "AbortIncompleteMultipartUpload": upload}
        tags = [{"Key": "status", "Value": self.status}]
        return common | {"Filter": {"And": {"Prefix": self.prefix, "Tags": tags}}, "Expiration": {"Days": self.days}}


def expected_rules(store: S3Store) -> list[Rule]:
    """Return the rules of a lake; their ids carry its prefix, so that lakes can share a bucket."""
    raw, marts = _prefixes(store)
    return [
        Rule(f"{_ID}temp-{raw.rstrip('/')}", raw, "temp", 1),
        Rule(f"{_ID}outdated-{raw.rstrip('/')}", raw, "outdated", 7),
        *(Rule(f"{_ID}multipart-{each.rstrip('/')}", each, None, 1) for each in (raw, marts)),
    ]


def _prefixes(store: S3Store) -> tuple[str, str]:
    return store.prefix + RAW, store.prefix + _MARTS


def differences(store: S3Store) -> list[str]:
    """Return a line for each difference between the bucket's rules and the expected ones."""
    expected = {rule.id: rule.to_s3() for rule in expected_rules(store)}
    found = {rule["ID"]: rule for rule in _read(store).get("Rules", []) if _is_ours(store, rule)}
    lines = [f"{rule_id}: missing" for rule_id in expected if rule_id not in found]
    lines += [f"{rule_id}: not expected" for rule_id in found if rule_id not in expected]
    lines += [
        f"{rule_id}: found {found[rule_id]}, expected {rule}"
        for rule_id, rule in expected.items()
        if rule_id in found and _normal(found[rule_id]) != _normal(rule)
    ]
    return lines


def apply_rules(store: S3Store) -> None:
    """Set the lake's rules on its bucket, keep those of others, and read them back.

    Raises: LifecycleError, if the bucket then has other rules; StoreError.
    """
    found = _read(store)
    others = [rule for rule in found.get("Rules", []) if not _is_ours(store, rule)]
    rules = [*others, *(rule.to_s3() for rule in expected_rules(store))]
    # Left out, S3 would set it back to its default.
    size = "TransitionDefaultMinimumObjectSize"
    extra = {size: found[size]} if size in found else {}
    with s3_errors("PutBucketLifecycleConfiguration", store.bucket):
        store.client.put_bucket_lifecycle_configuration(
            Bucket=store.bucket, LifecycleConfiguration=cast("Any", {"Rules": rules}), **cast("Any", extra)
        )
    check_rules(store)


def check_rules(store: S3Store) -> None:
    """Compare the bucket's rules with the expected ones.

    Raises: LifecycleError, naming each difference; StoreError.
    """
    if lines := differences(store):
        raise LifecycleError(store.uri, lines)


def _read(store: S3Store) -> dict[str, Any]:
    from botocore.exceptions import ClientError

    with s3_errors("GetBucketLifecycleConfiguration", store.bucket):
        try:
            return dict(store.client.get_bucket_lifecycle_configuration(Bucket=store.bucket))
        except ClientError as error:
            if error.response["Error"].get("Code") == "NoSuchLifecycleConfiguration":
                return {}
            raise


def _is_ours(store: S3Store, rule: dict[str, Any]) -> bool:
    return str(rule.get("ID", "")).startswith(_ID) and _prefix_of(rule) in _prefixes(store)


def _prefix_of(rule: dict[str, Any]) -> str | None:
    where = rule.get("Filter", {})
    prefix: str | None = where.get("And", where).get("Prefix", rule.get("Prefix"))
    return prefix


def _normal(rule: dict[str, Any]) -> dict[str, Any]:
    """Return a rule without what servers word differently: Ceph 16 gives back `And` as its members."""
    where = rule.get("Filter", {})
    where = where.get("And", where)
    tags = [*where.get("Tags", []), *([where["Tag"]] if "Tag" in where else [])]
    rest = {key: value for key, value in rule.items() if key not in {"Filter", "Prefix"} and value}
    return rest | {"prefix": _prefix_of(rule), "tags": sorted((tag["Key"], tag["Value"]) for tag in tags)}
