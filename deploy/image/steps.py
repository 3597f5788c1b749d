"""Executes the Dockerfile's own text where there is no engine to build it, and checks what comes out.

    python -m deploy.image.steps [--work FOLDER] [--bind PATH ...]

Each stage is an overlay over its base; RUN, COPY, ENV, ARG, WORKDIR and USER do what an engine makes them do, in a
chroot. The base is a stand-in that is made of Debian's and PyPI's packages (see base.py), as no registry is asked. The
result runs check.sh as the image's user, on a read-only root, without network. Needs root, debootstrap, and some
minutes; the stand-in is kept in the folder and made only once.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from deploy.image import base
from deploy.image.chroot import Outside, Root, StepFailed, in_own_namespace, overlay
from deploy.image.dockerfile import (
    DockerfileError,
    Instruction,
    Stage,
    Variables,
    command,
    flagged,
    pairs,
    reaches_the_build,
    stages,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

REPOSITORY = Path(__file__).resolve().parents[2]
CHECK = Path(__file__).with_name("check.sh")


@dataclass
class Built:
    """A stage that was executed: its layers, topmost first, and the configuration that the next stage takes over."""

    root: Path
    layers: tuple[Path, ...]
    variables: Variables
    workdir: str = "/"
    user: str = "0:0"
    config: dict[str, str] = field(default_factory=dict)


class Builder:
    """Executes stages in a folder."""

    def __init__(self, work: Path, shared: dict[str, str], outside: Outside) -> None:
        self._work = work
        self._shared = shared
        self._outside = outside
        self.built: dict[str, Built] = {}

    def build(self, stage: Stage, base_layer: Path) -> Built:
        """Execute a stage. Raises: StepFailed, DockerfileError."""
        if known := self.built.get(stage.base):
            env, lower, workdir, user = dict(known.variables.env), known.layers, known.workdir, known.user
        else:
            env, lower, workdir, user = dict(base.ENV), (base_layer,), "/opt/airflow", "50000:0"
        folder = self._work / "stages" / stage.name
        root = overlay(lower, folder)
        built = Built(root, (folder / "upper", *lower), Variables(env), workdir, user)
        self.built[stage.name] = built
        for each in stage.instructions:
            began = time.monotonic()
            print(f"[{stage.name}] {str(each)[:150]}", flush=True)
            self._execute(each, built)
            if (seconds := time.monotonic() - began) > 1:
                print(f"[{stage.name}] {seconds:.0f} s", flush=True)
        return built

    def _execute(self, each: Instruction, built: Built) -> None:
        variables = built.variables
        match each.name:
            case "ARG":
                name, has_default, default = each.value.partition("=")
                if has_default or name in self._shared:
                    variables.args[name] = self._shared.get(name, variables.expand(default))
            case "ENV":
                variables.env |= {name: variables.expand(value) for name, value in pairs(each.value).items()}
            case "LABEL":
                built.config |= {name: variables.expand(value) for name, value in pairs(each.value).items()}
            case "WORKDIR":
                built.workdir = variables.expand(each.value)
                self._inside(built, built.workdir).mkdir(parents=True, exist_ok=True)
            case "USER":
                built.user = each.value if ":" in each.value else f"{each.value}:0"
            case "RUN":
                self._run(each, built)
            case "COPY":
                self._copy(each, built)
            case "CMD" | "ENTRYPOINT":
                command(each.value)
            case "HEALTHCHECK":
                command(flagged(each).rest.removeprefix("CMD "))
            case "EXPOSE":
                int(each.value)
            case _:
                raise DockerfileError(f"{each}: not understood here; see {__name__}")

    def _run(self, each: Instruction, built: Built) -> None:
        split = flagged(each)
        with Root(built.root) as inside:
            inside.show(self._outside)
            for name, value in split.flags:
                if name != "mount":
                    raise DockerfileError(f"{each}: --{name} is not understood here")
                options = dict(option.partition("=")[::2] for option in value.split(","))
                inside.bind(self._source(options, each), options["target"])
            env = {**self._outside.env, **built.variables.args, **built.variables.env}
            inside.shell(split.rest, env=env, workdir=built.workdir, user=built.user)

    def _source(self, options: dict[str, str], each: Instruction) -> Path:
        """What a mount of RUN shows."""
        match options["type"], options.get("from"):
            case "cache", None:
                cache = self._work / "cache" / options["target"].strip("/").replace("/", "-")
                cache.mkdir(parents=True, exist_ok=True)
                return cache
            case "bind", str(stage):
                return self._inside(self.built[stage], options["source"])
        raise DockerfileError(f"{each}: this mount is not understood here")

    def _copy(self, each: Instruction, built: Built) -> None:
        split = flagged(each)
        *sources, target = [built.variables.expand(word) for word in split.rest.split()]
        destination = self._inside(built, target if target.startswith("/") else f"{built.workdir}/{target}")
        into_folder = target.endswith("/") or len(sources) > 1
        origin = self.built[stage] if (stage := split.only("from")) else None
        for source in sources:
            if origin:
                self._copy_tree(self._inside(origin, source), destination)
                continue
            path = REPOSITORY / source
            for file in _files(path):
                if not reaches_the_build(str(file.relative_to(REPOSITORY)), REPOSITORY):
                    continue
                place = destination / file.relative_to(path) if path.is_dir() else destination
                place = place / source if into_folder and not path.is_dir() else place
                place.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(file, place)
                os.chown(place, 0, 0)

    @staticmethod
    def _copy_tree(source: Path, destination: Path) -> None:
        destination.mkdir(parents=True, exist_ok=True)
        subprocess.run(["cp", "--archive", f"{source}/.", str(destination)], check=True)

    @staticmethod
    def _inside(built: Built, path: str) -> Path:
        return built.root / path.lstrip("/")


def check(built: Built) -> None:
    """Run check.sh in the image as a hardened container would: its user, read-only, no network. Raises: StepFailed."""
    with Root(built.root) as inside:
        inside.tmpfs("/tmp")
        inside.read_only()
        inside.run(
            ["/bin/bash", "-s"], env=built.variables.env, workdir=built.workdir, user=built.user, network=False,
            script=CHECK,
        )  # fmt: skip


def _files(path: Path) -> Iterator[Path]:
    if path.is_dir():
        yield from (each for each in sorted(path.rglob("*")) if each.is_file())
    else:
        yield path


def _size(folder: Path) -> str:
    bytes_ = sum(each.lstat().st_size for each in folder.rglob("*") if each.is_file() or each.is_symlink())
    return f"{bytes_ / 1e6:.0f} MB"


def main(arguments: Sequence[str]) -> int:
    """The command line. Returns: the exit code."""
    parser = argparse.ArgumentParser(prog="python -m deploy.image.steps", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--work", type=Path, default=REPOSITORY / ".local" / "image-steps", help="the folder to use")
    parser.add_argument("--bind", type=Path, action="append", default=[], help="shown inside, such as a trust store")
    options = parser.parse_args(arguments)
    missing = [tool for tool in ("debootstrap", "unshare", "chroot", "ip") if not shutil.which(tool)]
    if os.geteuid() != 0 or missing:
        sys.stderr.write(f"This needs root{' and ' + ', '.join(missing) if missing else ''}.\n")
        return 2
    in_own_namespace([sys.executable, "-m", "deploy.image.steps", *arguments])
    outside = Outside.of_this_machine(options.bind)
    work: Path = options.work.resolve()
    work.mkdir(parents=True, exist_ok=True)
    shutil.rmtree(work / "stages", ignore_errors=True)
    try:
        if not (stand_in := work / "base").exists():
            print("Making the stand-in for Apache's image", flush=True)
            base.make(stand_in, Path(sys.executable).with_name("uv"), outside)
        shared, found = stages((REPOSITORY / "Dockerfile").read_text(encoding="utf-8"), {})
        builder = Builder(work, shared, outside)
        for stage in found:
            last = builder.build(stage, stand_in)
        print(f"The base has {_size(stand_in)}, the image {_size(last.layers[0])} more", flush=True)
        check(last)
    except (StepFailed, DockerfileError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
