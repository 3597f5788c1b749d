"""A token on this machine's disk, shared by the processes of one user: 0600 in a folder of 0700, behind a lock."""

from __future__ import annotations

import asyncio
import errno
import json
import os
import stat
import tempfile
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from filelock import AsyncFileLock
from platformdirs import user_cache_path

from apiclient.errors import TokenCacheError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_ROOM = "its disk is full, or this user's share of it: free space, or set XDG_CACHE_HOME to a folder of another disk"


@dataclass(frozen=True, slots=True)
class Token:
    """A token, and the time from which on another one is minted (unix seconds, this machine's clock)."""

    value: str = field(repr=False)
    refresh_at: float


def default_folder(name: str) -> Path:
    """Return the folder `name` in the user's cache; without a home to write to, one in the temporary folder."""
    folder = user_cache_path() / name
    there = next((each for each in (folder, folder.parent) if each.exists()), folder.parents[1])
    return folder if os.access(there, os.W_OK) else Path(tempfile.gettempdir()) / f"{name}-{os.getuid()}"


class TokenCache:
    """One token in one file.

    Args:
        folder: where the file is; made if it is missing.
        name: of the file, without its ending.
        api: the API's name, for errors.

    Raises:
        TokenCacheError: from every method, if the folder is not this user's own or cannot be made.
    """

    def __init__(self, folder: Path, name: str, *, api: str) -> None:
        self._api = api
        self._folder = folder
        self._path = folder / f"{name}.json"
        self._lock_path = folder / f"{name}.lock"

    async def read(self) -> Token | None:
        """Return the token on disk, or None if there is none, or a file that is torn or not ours."""
        return await asyncio.to_thread(self._read)

    async def write(self, token: Token) -> None:
        """Replace the token atomically: a reader sees the old file or the new one."""
        await asyncio.to_thread(self._write, token)

    @asynccontextmanager
    async def locked(self) -> AsyncIterator[None]:
        """Let one process in at a time. The kernel frees the lock of a process that dies."""
        await asyncio.to_thread(self._own_folder)
        # Without an executor: a thread cannot be cancelled, and would keep the lock that it gets.
        lock = AsyncFileLock(self._lock_path, mode=0o600, run_in_executor=False, preserve_lock_file=True)
        try:
            await lock.acquire()
        except OSError as error:
            raise self._unusable("cannot be locked", error) from error
        try:
            yield
        finally:
            await lock.release()

    def _read(self) -> Token | None:
        self._own_folder()
        try:
            found = json.loads(self._path.read_bytes())
            return Token(value=str(found["access_token"]), refresh_at=float(found["refresh_at"]))
        except (OSError, ValueError, KeyError, TypeError):
            # Absent, torn or unreadable are one case: another token can always be minted.
            return None

    def _write(self, token: Token) -> None:
        try:
            # mkstemp creates with 0600, so the token is never readable for others, not even for a moment.
            handle, name = tempfile.mkstemp(dir=self._folder, prefix=self._path.stem, suffix=".tmp")
            try:
                with os.fdopen(handle, "w") as file:
                    json.dump({"access_token": token.value, "refresh_at": token.refresh_at}, file)
                Path(name).replace(self._path)
            except BaseException:
                Path(name).unlink(missing_ok=True)
                raise
        except OSError as error:
            raise self._unusable("cannot be written", error) from error

    def _own_folder(self) -> None:
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            status = self._folder.lstat()
        except OSError as error:
            raise self._unusable("cannot be made", error) from error
        # In a shared temporary folder another user may have made it first, to read or to plant a token.
        if not stat.S_ISDIR(status.st_mode) or status.st_uid != os.getuid():
            raise self._unusable("is not a folder of this user")
        if stat.S_IMODE(status.st_mode) != 0o700:
            self._folder.chmod(0o700)

    def _unusable(self, why: str, error: OSError | None = None) -> TokenCacheError:
        what = f"the token cache {self._folder} {why}" + (f": {error.strerror}" if error else "")
        hint = _ROOM if error and error.errno in _FULL else ""
        return TokenCacheError(what, api=self._api, endpoint="token", hint=hint)
