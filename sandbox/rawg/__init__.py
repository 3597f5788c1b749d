"""A local RAWG over the games of a local IGDB.

from sandbox.igdb import Sandbox, World
from sandbox.rawg import RawgSandbox
rawg = RawgSandbox(Sandbox(World.generate(first_day=day, today=day)))
with rawg.running() as url: ...
"""

from sandbox.rawg.behaviour import Behaviour
from sandbox.rawg.server import KEY, PATH, RawgSandbox
from sandbox.rawg.world import RawgWorld

__all__ = ["KEY", "PATH", "Behaviour", "RawgSandbox", "RawgWorld"]
