"""Terraform, as far as it goes without a provider. Tests that need it are skipped where it is not installed."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

FOLDER = Path(__file__).parents[2] / "deploy" / "terraform"
VARIABLES = {
    "bucket": "lake",
    "prefix": "deep/lake/",
    "distribution_arn": "arn:aws:cloudfront::111122223333:distribution/E1",
}


def terraform(*arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
    """Run one command, without settings or telemetry of this machine."""
    if not shutil.which("terraform"):
        pytest.skip("terraform is not installed")
    environment = os.environ | {"TF_CLI_CONFIG_FILE": os.devnull, "CHECKPOINT_DISABLE": "1"}
    command = ["terraform", *arguments]
    return subprocess.run(command, env=environment, check=check, capture_output=True, text=True)


def render(scratch: Path) -> dict[str, Any]:
    """The outputs of deploy/terraform/access for the lake `deep/lake` in the bucket `lake`."""
    folder = scratch / "access"
    shutil.copytree(FOLDER / "access", folder)
    (folder / "terraform.tfvars.json").write_text(json.dumps(VARIABLES), encoding="utf-8")
    terraform(f"-chdir={folder}", "init", "-input=false")
    terraform(f"-chdir={folder}", "apply", "-input=false", "-auto-approve")
    outputs = json.loads(terraform(f"-chdir={folder}", "output", "-json").stdout)
    return {name: output["value"] for name, output in outputs.items()}
