"""A storage for the `limits` package: counters in memory that all processes of a server share.

The memory and the lock are made before the server forks its workers (gunicorn's `preload_app`)
and are inherited. No file is written, so a full disk cannot matter, and nothing grows.
"""

import fcntl
import hashlib
import mmap
import os
import secrets
import struct
import tempfile
import threading
import time
import weakref
from typing import Any, NamedTuple

from limits.storage import Storage

BUCKETS = 1024
BUCKET_SLOTS = 64
"""A window has one slot, in the bucket that its key's hash names.

There is room for 65,536 windows in 2 MiB: where a window is a minute, for a thousand new callers a
second. With half of that, the chance that any bucket is full is one in 5,000.
"""

_SLOT = struct.Struct("<16sdq")
"""A window: the hash of its key, when it ends (seconds since 1970), and its hits."""
_BUCKET_BYTES = BUCKET_SLOTS * _SLOT.size
_ALL_ENDS = struct.Struct("<" + BUCKET_SLOTS * "16xd8x")
"""When each window of a bucket ends."""


class Window(NamedTuple):
    """How often a key was counted in its window, and when that ends (seconds since 1970)."""

    hits: int
    ends: float


_NO_WINDOW = Window(0, 0.0)


class _Lock:
    """A lock among the threads of all processes that were forked after it was made.

    A POSIX record lock belongs to a process: a fork inherits the descriptor but not the lock,
    and the kernel releases it when its process dies. It does not keep the threads of one
    process apart, so they have a second lock, which is renewed in a fork: another thread of
    the parent may have held it.
    """

    def __init__(self) -> None:
        self._file = _anonymous_file()
        # Closing any descriptor of a file drops a process's locks on it: there is only this one.
        weakref.finalize(self, os.close, self._file)
        self._renew()
        renew = weakref.WeakMethod(self._renew)
        os.register_at_fork(after_in_child=lambda: (method := renew()) and method())

    def _renew(self) -> None:
        self._among_threads = threading.Lock()

    def __enter__(self) -> None:
        self._among_threads.acquire()
        try:
            fcntl.lockf(self._file, fcntl.LOCK_EX)
        except BaseException:
            self._among_threads.release()
            raise

    def __exit__(self, *error: object) -> None:
        try:
            fcntl.lockf(self._file, fcntl.LOCK_UN)
        finally:
            self._among_threads.release()


def _anonymous_file() -> int:
    """A descriptor of an empty file without a name; on Linux it is on no disk either."""
    if hasattr(os, "memfd_create"):
        return os.memfd_create("rate-limit-lock")
    descriptor, path = tempfile.mkstemp()
    os.unlink(path)
    return descriptor


class SharedCounters(Storage):
    """Fixed windows that begin with a key's first hit, counted exactly over all processes.

    Where a bucket is full, a new window takes the place of the one that ends first.
    """

    STORAGE_SCHEME = ["shared-memory"]

    def __init__(
        self, uri: str = "shared-memory://", wrap_exceptions: bool = False, **options: Any
    ) -> None:
        super().__init__(uri, wrap_exceptions, **options)
        self._memory = mmap.mmap(-1, BUCKETS * _BUCKET_BYTES)
        # Without a salt, somebody with many addresses could choose ones that share a bucket.
        self._salt = secrets.token_bytes(32)
        self._lock = _Lock()

    @property
    def base_exceptions(self) -> tuple[type[Exception], ...]:
        """What the storage may raise: the operating system refuses the lock."""
        return (OSError,)

    def hit(self, key: str, expiry: float, amount: int = 1) -> Window:
        """Count a hit and return the key's window; a new one lasts `expiry` seconds."""
        hashed = self._hash(key)
        with self._lock:
            now = time.time()
            place, window = self._find(hashed)
            # One that ends later than a new one would was begun before the clock was set back.
            if now < window.ends <= now + expiry:
                window = Window(window.hits + amount, window.ends)
            else:
                window = Window(amount, now + expiry)
            self._write(place, _SLOT.pack(hashed, window.ends, window.hits))
        return window

    def incr(self, key: str, expiry: float, amount: int = 1) -> int:
        """Count a hit and return the hits of the key's window."""
        return self.hit(key, expiry, amount).hits

    def get(self, key: str) -> int:
        """Return the hits of the key's window."""
        return self._open_window(key, time.time()).hits

    def get_expiry(self, key: str) -> float:
        """Return when the key's window ends, in seconds since 1970; now, if none is open."""
        now = time.time()
        return self._open_window(key, now).ends or now

    def check(self) -> bool:
        """Return whether the lock works."""
        try:
            self.get("")
        except self.base_exceptions:
            return False
        return True

    def reset(self) -> int:
        """Forget all windows, and return how many were open."""
        with self._lock:
            now = time.time()
            count = sum(ends > now for _, ends, _ in _SLOT.iter_unpack(self._memory[:]))
            self._write(0, bytes(len(self._memory)))
        return count

    def clear(self, key: str) -> None:
        """Forget the key's window."""
        with self._lock:
            place, window = self._find(self._hash(key))
            if window is not _NO_WINDOW:
                self._write(place, bytes(_SLOT.size))

    def _hash(self, key: str) -> bytes:
        text = key.encode(errors="surrogatepass")
        return hashlib.blake2b(text, digest_size=16, key=self._salt).digest()

    def _open_window(self, key: str, now: float) -> Window:
        with self._lock:
            _, window = self._find(self._hash(key))
        return window if window.ends > now else _NO_WINDOW

    def _find(self, hashed: bytes) -> tuple[int, Window]:
        """The place of a key's window, which may be over, or the place that a new one gets."""
        start = int.from_bytes(hashed[:8], "little") % BUCKETS * _BUCKET_BYTES
        bucket = self._memory[start : start + _BUCKET_BYTES]
        found = bucket.find(hashed)
        if found >= 0:
            _, ends, hits = _SLOT.unpack_from(bucket, found)
            return start + found, Window(hits, ends)
        ends_of_all = _ALL_ENDS.unpack(bucket)
        first_to_end = ends_of_all.index(min(ends_of_all))
        return start + first_to_end * _SLOT.size, _NO_WINDOW

    def _write(self, place: int, content: bytes) -> None:
        self._memory[place : place + len(content)] = content
