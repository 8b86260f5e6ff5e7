"""The random texts that a browser's cookies hold, and what is stored of them."""

import hashlib
import secrets


def new() -> str:
    """A token of 256 random bits."""
    return secrets.token_urlsafe(32)


def hashed(token: str) -> bytes:
    """What is stored of a token: a plain SHA-256, for it is random and long."""
    return hashlib.sha256(token.encode(errors="surrogatepass")).digest()
