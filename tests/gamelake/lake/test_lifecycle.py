from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from gamelake.lake.lifecycle import LifecycleError, apply_rules, check_rules, differences, expected_rules
from gamelake.lake.s3 import S3Store
from gamelake.lake.store import StoreError
from tests.support.errors import having

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

OTHERS: list[Any] = [
    {"ID": "logs", "Status": "Enabled", "Filter": {"Prefix": "logs/"}, "Expiration": {"Days": 30}},
    {
        "ID": "gamelake-temp-other/raw",
        "Status": "Enabled",
        "Filter": {"Prefix": "other/raw/"},
        "Expiration": {"Days": 1},
    },
]


@pytest.fixture
def lake(bucket: str, s3: S3Client) -> S3Store:
    return S3Store(bucket, "some/lake", s3)


def rules(lake: S3Store) -> dict[str, Any]:
    return {rule["ID"]: rule for rule in lake.client.get_bucket_lifecycle_configuration(Bucket=lake.bucket)["Rules"]}


def set_rules(lake: S3Store, *given: Any) -> None:
    lake.client.put_bucket_lifecycle_configuration(Bucket=lake.bucket, LifecycleConfiguration={"Rules": list(given)})


def test_the_rules_are_the_contract(lake: S3Store) -> None:
    apply_rules(lake)
    assert differences(lake) == []
    held = rules(lake)
    for name, days in (("temp", 1), ("outdated", 7)):
        rule = held[f"gamelake-{name}-some/lake/raw"]
        assert rule["Status"] == "Enabled"
        assert rule["Expiration"] == {"Days": days}
        assert rule["Filter"]["And"] == {"Prefix": "some/lake/raw/", "Tags": [{"Key": "status", "Value": name}]}
    for folder in ("raw", "marts"):
        upload = held[f"gamelake-multipart-some/lake/{folder}"]
        assert upload["AbortIncompleteMultipartUpload"] == {"DaysAfterInitiation": 1}
        assert upload["Filter"] == {"Prefix": f"some/lake/{folder}/"}
    assert len(held) == 4


def test_rules_of_others_stay(lake: S3Store) -> None:
    set_rules(lake, *OTHERS)
    for _ in range(2):
        apply_rules(lake)
        held = rules(lake)
        assert len(held) == 6
        assert [held[rule["ID"]]["Filter"] for rule in OTHERS] == [rule["Filter"] for rule in OTHERS]


def test_lakes_share_a_bucket(lake: S3Store) -> None:
    neighbour = S3Store(lake.bucket, "", lake.client)
    for store in (lake, neighbour):
        apply_rules(store)
    assert differences(lake) == differences(neighbour) == []
    assert len(rules(lake)) == 8


def test_rules_of_an_older_version_go(lake: S3Store) -> None:
    set_rules(lake, expected_rules(lake)[0].to_s3() | {"ID": "gamelake-old"})
    assert "gamelake-old: not expected" in differences(lake)
    apply_rules(lake)
    assert "gamelake-old" not in rules(lake)


def test_a_bucket_without_rules_is_told(lake: S3Store) -> None:
    missing = [f"{rule.id}: missing" for rule in expected_rules(lake)]
    with pytest.raises(LifecycleError, check=having(uri=lake.uri, differences=missing)):
        check_rules(lake)


@pytest.mark.parametrize(
    "change",
    [
        {"Expiration": {"Days": 2}},
        {"Status": "Disabled"},
        {"Filter": {"Prefix": "some/lake/raw/"}},
        {"Filter": {"And": {"Prefix": "some/lake/raw/", "Tags": [{"Key": "status", "Value": "final"}]}}},
    ],
    ids=["days", "status", "no tag", "tag"],
)
def test_a_rule_that_differs_is_told(lake: S3Store, change: dict[str, Any]) -> None:
    temp, *rest = (rule.to_s3() for rule in expected_rules(lake))
    set_rules(lake, temp | change, *rest)
    with pytest.raises(LifecycleError) as caught:
        check_rules(lake)
    assert [line.partition(":")[0] for line in caught.value.differences] == ["gamelake-temp-some/lake/raw"]
    apply_rules(lake)
    check_rules(lake)


def test_ceph_may_word_a_filter_in_its_own_way(lake: S3Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ceph 16 gives `And` back as its members."""
    held = [rule.to_s3() for rule in expected_rules(lake)]
    for rule in held:
        if both := rule["Filter"].get("And"):
            rule["Filter"] = {"Prefix": both["Prefix"], "Tag": both["Tags"][0]}
    monkeypatch.setattr(lake.client, "get_bucket_lifecycle_configuration", lambda **_: {"Rules": held})
    assert differences(lake) == []


def test_rules_that_the_server_did_not_keep_are_an_error(lake: S3Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lake.client, "put_bucket_lifecycle_configuration", lambda **_: {})
    with pytest.raises(LifecycleError):
        apply_rules(lake)


def test_the_size_limit_of_others_is_kept(lake: S3Store, monkeypatch: pytest.MonkeyPatch) -> None:
    size = {"TransitionDefaultMinimumObjectSize": "varies_by_storage_class"}
    held = {"Rules": [rule.to_s3() for rule in expected_rules(lake)]} | size
    sent: list[dict[str, Any]] = []
    monkeypatch.setattr(lake.client, "get_bucket_lifecycle_configuration", lambda **_: held)
    monkeypatch.setattr(lake.client, "put_bucket_lifecycle_configuration", lambda **request: sent.append(request))
    apply_rules(lake)
    assert sent[0]["TransitionDefaultMinimumObjectSize"] == "varies_by_storage_class"


def test_a_missing_bucket_names_what_to_do(s3: S3Client) -> None:
    with pytest.raises(StoreError, match=r"PutBucketLifecycle|GetBucketLifecycle.*create the bucket"):
        apply_rules(S3Store("no-such-bucket", "lake", s3))
