"""A stand-in for Apache's Airflow image, made from Debian's and PyPI's packages: for where no registry can be reached.

It has what the Dockerfile counts on: Debian 12, Airflow with its providers in /home/airflow/.local without bytecode,
the user 50000 of group 0, /opt/airflow. The versions are those that the real image was resolved to, as near as PyPI can
tell: the newest that were there on the day of the release. For 3.3.2 this gives pathspec 1.1.1 and
apache-airflow-providers-amazon 9.36.0, as its constraints have. Python is Debian's 3.11, not 3.12, and providers that
need a compiler or a cloud's gigabyte are left out.
"""

from __future__ import annotations

import shutil
import subprocess
from typing import TYPE_CHECKING

from deploy.image.chroot import Root

if TYPE_CHECKING:
    from pathlib import Path

    from deploy.image.chroot import Outside

SUITE = "bookworm"
MIRROR = "http://deb.debian.org/debian"
PACKAGES = ("python3", "python3-venv", "ca-certificates", "adduser", "dumb-init")

RELEASED = "2026-09-18"
"""The day after Airflow 3.3.2."""

AIRFLOW = (
    "apache-airflow[aiobotocore,amazon,async,celery,cncf-kubernetes,common-io,docker,elasticsearch,fab,git,google-auth,"
    "hashicorp,http,openlineage,pandas,postgres,redis,sendgrid,sftp,slack,ssh,statsd,uv]==3.3.2"
)

HOME = "/home/airflow"
VENV = f"{HOME}/.local"
ENV = {
    "PATH": f"{VENV}/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    "VIRTUAL_ENV": VENV,
    "AIRFLOW_HOME": "/opt/airflow",
    "LANG": "C.UTF-8",
    "UV_CACHE_DIR": "/tmp/.cache/uv",
}


def make(root: Path, uv: Path, outside: Outside) -> None:
    """Make the stand-in's root file system, a matter of minutes.

    Args: `uv`, the program; `outside`, what this machine needs to reach the mirrors.
    Raises: StepFailed; subprocess.CalledProcessError.
    """
    unfinished = root.with_suffix(".part")
    shutil.rmtree(unfinished, ignore_errors=True)
    install = ["debootstrap", "--variant=minbase", f"--include={','.join(PACKAGES)}", SUITE, str(unfinished), MIRROR]
    subprocess.run(install, check=True, stdout=subprocess.DEVNULL)
    for folder in ("dags", "logs"):
        (unfinished / "opt" / "airflow" / folder).mkdir(parents=True)
    with Root(unfinished) as inside:
        inside.bind(uv, "/tmp/uv")
        inside.show(outside)
        for command in (
            f"adduser --quiet --disabled-password --gecos '' --uid 50000 --gid 0 --home {HOME} airflow",
            f"python3 -m venv --without-pip {VENV}",
            f"/tmp/uv pip install --quiet --no-cache --python {VENV}/bin/python --exclude-newer {RELEASED} '{AIRFLOW}'",
            f"find {VENV} -name '*.pyc' -delete",
            f"chown -R 50000:0 {HOME} /opt/airflow",
        ):
            inside.shell(command, env={**outside.env, **ENV})
    unfinished.rename(root)
