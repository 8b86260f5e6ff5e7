"""Restoring a copy of the database, and noticing one that was put back by hand.

What may have happened since the copy was made is marked as in doubt, and no number that was
given since is given again.
"""
