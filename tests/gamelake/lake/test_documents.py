"""What all documents of the lake share when they are decoded."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

FIRST_USE_IN_MANY_THREADS = """
import importlib, json, sys, threading
from pathlib import Path

document = json.loads(Path(sys.argv[1]).read_bytes())
sys.setswitchinterval(1e-6)
from gamelake.lake import documents, manifest

for _ in range(10):
    importlib.reload(manifest)  # its structs are new, and msgspec has read none of them
    barrier, decoded = threading.Barrier(8), []

    def decode():
        barrier.wait()
        decoded.append(documents.convert(document, manifest.Manifest, documents.DocumentError))

    threads = [threading.Thread(target=decode, daemon=True) for _ in range(8)]
    for each in threads:
        each.start()
    for each in threads:
        each.join(30)
    assert len(decoded) == 8
"""


def test_many_threads_may_decode_a_struct_for_the_first_time() -> None:
    """In a process of its own: without `prepare`, msgspec ends it by a segmentation fault."""
    document = Path(__file__).with_name("manifest.example.json")
    command = [sys.executable, "-c", FIRST_USE_IN_MANY_THREADS, str(document)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")
