"""The bench: how the panel compares with bare Flask on the same machine (see README.md)."""
