"""What an operator can do: check, act, and write the audit line.

Commands and dashboard pages parse their input, call one function of this package, and word the
result. Every function that changes something takes the Actor first and leaves one audit line,
whichever way the operator came in.
"""
