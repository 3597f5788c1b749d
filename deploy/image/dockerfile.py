"""Reads a Dockerfile and its .dockerignore: as much of either as this repository writes."""

from __future__ import annotations

import json
import re
import shlex
from dataclasses import dataclass, field
from pathlib import Path


class DockerfileError(ValueError):
    """An instruction that is wrong, or that is none of those that are understood here; the message quotes it."""


@dataclass(frozen=True)
class Instruction:
    """One instruction on one line: `RUN`, and what follows it."""

    name: str
    value: str

    def __str__(self) -> str:
        return f"{self.name} {self.value}"


@dataclass(frozen=True)
class Stage:
    """What stands between one FROM and the next. `base` is an image, or the name of a stage before this one."""

    name: str
    base: str
    instructions: tuple[Instruction, ...]


@dataclass(frozen=True)
class Flagged:
    """An instruction's words, without the `--name=value` before them: `flags` has those, as often as they are said."""

    flags: tuple[tuple[str, str], ...]
    rest: str

    def only(self, name: str) -> str | None:
        """The value of a flag that is said once or never."""
        return dict(self.flags).get(name)


@dataclass
class Variables:
    """What `${NAME}` means at some point of a stage: its ENV, and the ARG that were declared so far."""

    env: dict[str, str] = field(default_factory=dict)
    args: dict[str, str] = field(default_factory=dict)

    def expand(self, text: str) -> str:
        """`$NAME` and `${NAME}` by their values. Raises: DockerfileError, if there is no such variable."""

        def value(match: re.Match[str]) -> str:
            name = match[1] or match[2]
            # An ENV wins over an ARG of the same name, as with docker.
            for known in (self.env, self.args):
                if name in known:
                    return known[name]
            raise DockerfileError(f"{text}: ${name} is no ARG or ENV of this stage")

        return re.sub(r"\$(?:(\w+)|\{(\w+)\})", value, text)


def instructions(text: str) -> list[Instruction]:
    """The instructions of a Dockerfile in their order, continued lines joined."""
    lines = [line for line in text.splitlines() if not line.lstrip().startswith("#")]
    joined = re.sub(r"\s*\\\n\s*", " ", "\n".join(lines))
    found = []
    for line in filter(str.strip, joined.splitlines()):
        name, _, value = line.strip().partition(" ")
        if name != name.upper() or not value:
            raise DockerfileError(f"{line}: expected an instruction in capitals and what it is to do")
        found.append(Instruction(name, value.strip()))
    return found


def stages(text: str, build_args: dict[str, str]) -> tuple[dict[str, str], list[Stage]]:
    """The ARG before the first FROM, with what `build_args` makes of them, and the stages.

    Raises: DockerfileError.
    """
    shared = Variables()
    found: list[Stage] = []
    for each in instructions(text):
        if each.name == "FROM":
            words = shared.expand(each.value).split()
            if len(words) not in (1, 3) or (len(words) == 3 and words[1].upper() != "AS"):
                raise DockerfileError(f"{each}: expected FROM image, or FROM image AS name")
            found.append(Stage(words[2] if len(words) == 3 else str(len(found)), words[0], ()))
        elif found:
            last = found[-1]
            found[-1] = Stage(last.name, last.base, (*last.instructions, each))
        elif each.name == "ARG":
            name, _, default = each.value.partition("=")
            shared.args[name] = build_args.get(name, default)
        else:
            raise DockerfileError(f"{each}: expected ARG or FROM first")
    return shared.args, found


def flagged(instruction: Instruction) -> Flagged:
    """Split the flags from an instruction's words."""
    rest, flags = instruction.value, []
    while match := re.match(r"--([a-z-]+)=(\S+)\s+", rest):
        flags.append((match[1], match[2]))
        rest = rest[match.end() :]
    return Flagged(tuple(flags), rest)


def pairs(text: str) -> dict[str, str]:
    """The `NAME=value NAME="value"` of ENV and LABEL, not yet expanded. Raises: DockerfileError."""
    words = shlex.split(text)
    if bad := [word for word in words if not re.match(r"[\w.-]+=", word)]:
        raise DockerfileError(f"{bad[0]}: expected NAME=value")
    return dict(word.split("=", 1) for word in words)


def command(text: str) -> list[str]:
    """The words of CMD or ENTRYPOINT, which are JSON here. Raises: DockerfileError."""
    try:
        words = json.loads(text)
    except ValueError:
        words = None
    if not isinstance(words, list) or not all(isinstance(word, str) for word in words):
        raise DockerfileError(f'{text}: expected a list of words, such as ["airflow", "version"]')
    return words


def reaches_the_build(path: str, repository: Path) -> bool:
    """Whether `.dockerignore` lets a path through: the last pattern that matches it, or a folder above it, decides."""
    lines = (repository / ".dockerignore").read_text(encoding="utf-8").splitlines()
    reaches = True
    for pattern in (line.strip() for line in lines if line.strip() and not line.startswith("#")):
        if ignore_regex(pattern.removeprefix("!")).fullmatch(path):
            reaches = pattern.startswith("!")
    return reaches


def ignore_regex(pattern: str) -> re.Pattern[str]:
    """A pattern of `.dockerignore` as a regular expression over the whole path."""
    translated = re.escape(pattern.rstrip("/"))
    for docker, python in (
        (r"\*\*/", "(?:.*/)?"),
        (r"\*", "[^/]*"),
        (r"\?", "[^/]"),
        (r"\[", "["),
        (r"\]", "]"),
    ):
        translated = translated.replace(docker, python)
    return re.compile(rf"{translated}(?:/.*)?")
