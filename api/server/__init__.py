"""How gunicorn serves the panel: the worker class, and what it is made of.

The main thread of a worker process receives and sends; a thread has a request only while it is
worked on. worker.py ties it together, framing.py tells where a request ends, client.py holds one
client's connection, threads.py runs the requests.
"""
