"""The reader of Dockerfiles and ignore files, which both the tests and `make image-steps` rest on."""

from __future__ import annotations

import pytest

from deploy.image.dockerfile import (
    DockerfileError,
    Instruction,
    Variables,
    command,
    flagged,
    ignore_regex,
    pairs,
    stages,
)

TEXT = """\
# syntax=docker/dockerfile:1
ARG BASE=debian:12
ARG VERSION=1

FROM ${BASE} AS build
RUN --mount=type=cache,target=/c one \\
    # why
    && two

FROM ${BASE}
COPY --from=build /a /b
"""


def test_stages_share_the_arguments_before_them():
    shared, (build, final) = stages(TEXT, {"BASE": "ubuntu:24.04"})

    assert shared == {"BASE": "ubuntu:24.04", "VERSION": "1"}
    assert (build.name, build.base, final.name, final.base) == ("build", "ubuntu:24.04", "1", "ubuntu:24.04")
    assert build.instructions == (Instruction("RUN", "--mount=type=cache,target=/c one && two"),)


def test_flags_are_apart_from_words():
    split = flagged(Instruction("RUN", "--mount=type=cache,target=/c --mount=type=bind,from=a pip install --quiet x"))

    assert split.flags == (("mount", "type=cache,target=/c"), ("mount", "type=bind,from=a"))
    assert split.rest == "pip install --quiet x"
    assert flagged(Instruction("COPY", "--from=build /a /b")).only("from") == "build"


def test_an_env_wins_over_an_argument_and_nothing_is_silently_empty():
    variables = Variables(env={"A": "env"}, args={"A": "arg", "B": "b"})

    assert variables.expand("$A-${B}") == "env-b"
    with pytest.raises(DockerfileError, match=r"\$C is no ARG or ENV"):
        variables.expand("$C")


def test_pairs_may_be_quoted():
    assert pairs('A=1 org.b.c="two words" D=${E}') == {"A": "1", "org.b.c": "two words", "D": "${E}"}
    with pytest.raises(DockerfileError, match="expected NAME=value"):
        pairs("A 1")


@pytest.mark.parametrize("text", ["airflow version", '{"a": 1}', "[1]"])
def test_a_command_is_a_list_of_words(text: str):
    assert command('["a", "b"]') == ["a", "b"]
    with pytest.raises(DockerfileError, match="expected a list of words"):
        command(text)


@pytest.mark.parametrize("text", ["run x", "RUN", "FROM a b", "RUN x\nFROM a"])
def test_what_is_no_dockerfile_is_an_error(text: str):
    with pytest.raises(DockerfileError):
        stages(text, {})


@pytest.mark.parametrize(
    ("pattern", "path", "matches"),
    [
        ("*", "a/b", True),
        ("dbt/target/", "dbt/target/manifest.json", True),
        ("dbt/target/", "dbt/targets/x", False),
        ("**/.env", ".env", True),
        ("**/.env", "a/b/.env", True),
        ("**/*.py[cod]", "a/b.pyc", True),
        ("**/*.py[cod]", "a/b.py", False),
    ],
)
def test_ignore_patterns_are_read_as_docker_reads_them(pattern: str, path: str, matches: bool):
    assert bool(ignore_regex(pattern).fullmatch(path)) is matches
