"""AWS settings for tests: an environment that has nothing of this machine's."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

PROXIES = ("http_proxy", "https_proxy", "no_proxy", "all_proxy")


def settings_without_this_machine(folder: Path, **given: str) -> dict[str, str]:
    """No region, key, profile, role or instance: only what is `given`."""
    return {
        "AWS_CONFIG_FILE": str(folder / "aws-config"),
        "AWS_SHARED_CREDENTIALS_FILE": str(folder / "aws-credentials"),
        "AWS_EC2_METADATA_DISABLED": "true",
        **given,
    }


def isolate(monkeypatch: pytest.MonkeyPatch, folder: Path, **given: str) -> None:
    """Give this process such an environment."""
    for name in list(os.environ):
        if name.startswith("AWS_") or name.lower() in PROXIES or name == "REQUESTS_CA_BUNDLE":
            monkeypatch.delenv(name)
    for name, value in settings_without_this_machine(folder, **given).items():
        monkeypatch.setenv(name, value)
