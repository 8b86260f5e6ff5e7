"""How gunicorn serves the panel: gunicorn -c gunicorn.conf.py 'app:create_app()'."""

import logging
import os
import re
from pathlib import Path

wsgi_app = "app:create_app()"
bind = os.environ.get("BIND", f"127.0.0.1:{os.environ.get('PORT', '8000')}")

# Threads keep slow clients' connections open without holding up the others; two processes use
# the second core where there is one.
worker_class = "gthread"
workers = int(os.environ.get("WEB_CONCURRENCY", "2"))
threads = 8
keepalive = 15

# Loaded once: a wrong setting is told once, and the workers share the code's memory.
preload_app = True
# A stopped server finishes the requests in flight.
graceful_timeout = 30
timeout = 60
worker_tmp_dir = "/dev/shm" if Path("/dev/shm").is_dir() else None  # noqa: S108
control_socket_disable = True

# A GET may carry a link of 2048 characters, percent-encoded.
limit_request_line = 8190

accesslog = "-"
# The path without the query, for the query may hold a key; no header either.
access_log_format = '%(t)s %(h)s "%(m)s %(U)s" %(s)s %(B)s %(L)ss'


class _HideQueries(logging.Filter):
    """Cuts queries out of gunicorn's own messages, which name the address of a bad request."""

    def filter(self, record: logging.LogRecord) -> bool:
        record.msg, record.args = re.sub(r"\?[^\s'\"]*", "?...", record.getMessage()), ()
        return True


def on_starting(server: object) -> None:
    """Keep keys out of the error log as well."""
    logging.getLogger("gunicorn.error").addFilter(_HideQueries())
