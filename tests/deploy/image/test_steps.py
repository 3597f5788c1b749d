"""What `make image-steps` executes; the execution itself is that target's, as root and for minutes."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

from deploy.image import base
from deploy.image.chroot import Outside
from deploy.image.dockerfile import Variables, command, flagged, pairs, stages

REPOSITORY = Path(__file__).parents[3]


def test_every_instruction_is_one_that_is_understood():
    shared, found = stages((REPOSITORY / "Dockerfile").read_text(encoding="utf-8"), {})

    assert [stage.name for stage in found] == ["build", "1"]
    for stage in found:
        assert stage.base == shared["AIRFLOW_IMAGE"]
        variables = Variables(env=dict(base.ENV), args=dict(shared))
        for each in stage.instructions:
            match each.name:
                case "ARG":
                    name, _, default = each.value.partition("=")
                    variables.args.setdefault(name, default)
                case "ENV" | "LABEL":
                    assert [variables.expand(value) for value in pairs(each.value).values()]
                case "RUN":
                    mounts = [value for name, value in flagged(each).flags if name == "mount"]
                    for mount in mounts:
                        assert re.fullmatch(r"type=cache,target=/\S+|type=bind,from=build,source=/\S+", mount), mount
                case "COPY":
                    assert all(variables.expand(word) for word in flagged(each).rest.split())
                case "CMD":
                    assert command(each.value)
                case "HEALTHCHECK":
                    assert command(flagged(each).rest.removeprefix("CMD "))
                case _:
                    assert each.name in ("USER", "WORKDIR", "EXPOSE"), each


def test_the_check_is_shell():
    result = subprocess.run(
        ["bash", "-n", REPOSITORY / "deploy" / "image" / "check.sh"], capture_output=True, text=True, check=False
    )

    assert result.returncode == 0, result.stderr


def test_the_outside_is_what_there_is(tmp_path: Path, monkeypatch):
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy:3128")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "hush")
    there = tmp_path / "trust.pem"
    there.touch()

    outside = Outside.of_this_machine([there, tmp_path / "none"])

    assert outside.env["HTTPS_PROXY"] == "http://proxy:3128"
    assert "hush" not in outside.env.values()
    assert outside.paths[-1] == there
