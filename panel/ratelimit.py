"""A storage for the `limits` package: counters in a file that all processes map into memory."""

import fcntl
import hashlib
import mmap
import os
import secrets
import struct
import threading
import time
from typing import Any, NamedTuple, Self

from limits.storage import Storage

FIRST_SLOTS = 1024
"""Of a new file; the first one is taken by the salt."""
REACH = 64
"""How far from its place a key may stand. Where no slot is free so far, the file doubles."""

_SLOT = struct.Struct("<16sdq")
"""The hash of a key, when its window ends (seconds since 1970), and its hits."""
_NEVER_TAKEN = bytes(16)


class _Window(NamedTuple):
    """A key's slot, and what it has there: no end and no hits where no window is open."""

    at: int
    ends: float = 0.0
    hits: int = 0


class _Table:
    """A hash table in a file. Inside `with`, this thread has it for itself."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._one_thread = threading.Lock()
        self._owner = 0

    def __enter__(self) -> Self:
        self._one_thread.acquire()
        try:
            self._lock()
        except BaseException:
            self._one_thread.release()
            raise
        return self

    def __exit__(self, *error: object) -> None:
        try:
            fcntl.flock(self._file, fcntl.LOCK_UN)
        finally:
            self._one_thread.release()

    def _lock(self) -> None:
        if self._owner != os.getpid():  # a lock is shared with a fork: each opens its own
            self._file = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            self._owner, self._size = os.getpid(), 0
        fcntl.flock(self._file, fcntl.LOCK_EX)
        try:
            if self._size == 0 or self._size != self._map.size():
                self._open(os.fstat(self._file).st_size)
        except BaseException:
            fcntl.flock(self._file, fcntl.LOCK_UN)
            raise

    def _open(self, size: int) -> None:
        least = FIRST_SLOTS * _SLOT.size
        self._resize(size, max(size - size % _SLOT.size, least))
        if size < least:
            self._map[: _SLOT.size] = secrets.token_bytes(_SLOT.size)
        # Without the salt, somebody with many addresses could choose ones that collide.
        self._salt = self._map[: _SLOT.size]

    def _resize(self, size: int, wanted: int) -> None:
        # Written before it is mapped: so a full disk is an error, and not a signal that kills.
        os.pwrite(self._file, bytes(max(0, wanted - size)), size)
        os.ftruncate(self._file, wanted)
        self._map, self._size = mmap.mmap(self._file, wanted), wanted

    def hash(self, key: str) -> bytes:
        """What stands for a key in this file."""
        text = key.encode(errors="surrogatepass")
        return hashlib.blake2b(text, digest_size=16, key=self._salt).digest()

    def find(self, hashed: bytes, now: float) -> _Window | None:
        """A key's open window, or a slot for one; None if no slot is free within reach."""
        first, slots = int.from_bytes(hashed[:8], "little"), self._size // _SLOT.size - 1
        free = None
        for step in range(REACH):
            at = (1 + (first + step) % slots) * _SLOT.size
            found, ends, hits = _SLOT.unpack_from(self._map, at)
            if found == hashed and ends > now:
                return _Window(at, ends, hits)
            if free is None and ends <= now:
                free = _Window(at)
            if found in (hashed, _NEVER_TAKEN):
                break
        return free

    def write(self, at: int, hashed: bytes, ends: float, hits: int) -> None:
        """Fill a slot."""
        _SLOT.pack_into(self._map, at, hashed, ends, hits)

    def live(self, now: float) -> list[tuple[bytes, float, int]]:
        """The keys, ends and hits of all open windows."""
        slots = _SLOT.iter_unpack(self._map[_SLOT.size :])
        return [slot for slot in slots if slot[1] > now]

    def empty(self) -> None:
        """Forget all windows."""
        self._map[_SLOT.size :] = bytes(self._size - _SLOT.size)

    def grow(self, now: float) -> None:
        """Double the file, and drop what is over. Who is killed meanwhile takes windows along."""
        live = self.live(now)
        kept = False
        while not kept:
            self._resize(self._size, 2 * self._size)
            self.empty()
            kept = all(self._keep(*slot, now) for slot in live)

    def _keep(self, hashed: bytes, ends: float, hits: int, now: float) -> bool:
        window = self.find(hashed, now)
        if window:
            self.write(window.at, hashed, ends, hits)
        return window is not None


class MappedStorage(Storage):
    """Fixed windows that begin with a key's first hit, counted exactly by all processes.

    To count is to look into memory under a lock, which takes a tenth of what a database does.
    Windows are short, so the file may lose them in a power cut.
    """

    STORAGE_SCHEME = ["mapped"]

    def __init__(self, uri: str, wrap_exceptions: bool = False, **options: Any) -> None:
        super().__init__(uri, wrap_exceptions, **options)
        self._table = _Table(uri.removeprefix("mapped:///"))
        self._counted = threading.local()
        self.get("")  # a file that cannot be used is found before the server starts

    @property
    def base_exceptions(self) -> tuple[type[Exception], ...]:
        """What the storage may raise."""
        return (OSError,)

    def incr(self, key: str, expiry: int, amount: int = 1) -> int:
        """Count a hit and give the window's count; a new window lasts `expiry` seconds."""
        now = time.time()
        with self._table as table:
            hashed = table.hash(key)
            while (window := table.find(hashed, now)) is None:
                table.grow(now)
            ends, hits = window.ends or now + expiry, window.hits + amount
            table.write(window.at, hashed, ends, hits)
        self._counted.last = key, ends
        return hits

    def get(self, key: str) -> int:
        """The hits of a key's present window."""
        with self._table as table:
            window = table.find(table.hash(key), time.time())
        return window.hits if window else 0

    def get_expiry(self, key: str) -> float:
        """When a key's window ends, in seconds since 1970; now, if none is open.

        A thread that has just counted a hit knows it, and is told once without another look:
        the headers of the same request ask for it.
        """
        now = time.time()
        counted, self._counted.last = getattr(self._counted, "last", None), None
        if counted and counted[0] == key and counted[1] > now:
            return counted[1]
        with self._table as table:
            window = table.find(table.hash(key), now)
        return (window.ends if window else 0.0) or now

    def check(self) -> bool:
        """Whether the file can be used."""
        try:
            self.get("")
        except self.base_exceptions:
            return False
        return True

    def reset(self) -> int:
        """Forget everything, and tell how many keys had a window."""
        self._counted.last = None
        with self._table as table:
            live = len(table.live(time.time()))
            table.empty()
        return live

    def clear(self, key: str) -> None:
        """Forget one key."""
        self._counted.last = None
        with self._table as table:
            hashed = table.hash(key)
            window = table.find(hashed, time.time())
            if window and window.hits:
                table.write(window.at, hashed, 0.0, 0)
