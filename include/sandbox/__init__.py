"""A local IGDB: the API's behaviour over rows that are generated from a seed or read from a folder.

python -m include.sandbox --games 5000

from include.sandbox import Fault, Sandbox, World
with Sandbox(World.generate(first_day=day, today=day)).running() as url: ...
"""

from include.sandbox.api import RequestRecord
from include.sandbox.errors import QueryError, SandboxError, WorldError
from include.sandbox.faults import Fault, FaultError, FaultKind
from include.sandbox.server import Sandbox
from include.sandbox.world import World

__all__ = [
    "Fault",
    "FaultError",
    "FaultKind",
    "QueryError",
    "RequestRecord",
    "Sandbox",
    "SandboxError",
    "World",
    "WorldError",
]
