"""Telling an operator what is wrong: once when it begins, daily, and when it is over.

conditions.py says what is wrong now, book.py decides what is to be told of it, things.py knows
what is new under an alert that stands, record.py keeps it in the database, message.py writes the
message and notify.py sends it; rounds.py does all of it.
"""
