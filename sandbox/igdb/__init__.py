"""A local IGDB: the API's behaviour over rows that are generated from a seed or read from a folder.

gamelake sandbox --games 5000

from sandbox.igdb import Fault, Sandbox, World
with Sandbox(World.generate(first_day=day, today=day)).running() as url: ...
"""

from sandbox.igdb.errors import QueryError, SandboxError, WorldError
from sandbox.igdb.faults import Fault, FaultError, FaultKind
from sandbox.igdb.sending import RequestRecord
from sandbox.igdb.server import Sandbox
from sandbox.igdb.world import World

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
