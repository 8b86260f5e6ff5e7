"""The bench: measurements made side by side on one machine, by hand (see README.md)."""
