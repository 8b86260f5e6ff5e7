"""The logs of the server and the worker: text for people, or one JSON object a line."""

import logging
import re
import sys
import threading
from typing import Any, TextIO
from urllib.parse import unquote

from gunicorn.config import Config
from gunicorn.glogging import Logger
from pythonjsonlogger.json import JsonFormatter

from api.request_id import ACCOUNT, REQUEST_ID
from panel.called import NAME, as_called

JSON = "json"
_TEXT_FORMAT = "%(asctime)s %(levelname)s %(name)s: %(message)s"


class _Handler(logging.StreamHandler[TextIO]):
    """Writes to stderr, with the commands of each line as the operator calls them."""

    def __init__(self, command: str) -> None:
        super().__init__()
        self._command = command

    def format(self, record: logging.LogRecord) -> str:
        """As the formatter does it."""
        return as_called(self._command, super().format(record))


def handler_of(log_format: str, command: str) -> logging.Handler:
    """What writes the log, as configure() sets it up."""
    handler = _Handler(command)
    handler.setFormatter(_Json() if log_format == JSON else logging.Formatter(_TEXT_FORMAT))
    return handler


def configure(log_format: str, command: str = NAME) -> None:
    """Write what the panel and its libraries log to stderr, in the format of the setting.

    As JSON, also what nobody has handled.

    :param command: how the operator calls the commands.
    """
    handler = handler_of(log_format, command)
    logging.basicConfig(level=logging.INFO, handlers=[handler], force=True)
    logging.getLogger("urllib3").setLevel(logging.ERROR)
    if log_format == JSON:
        logging.captureWarnings(True)
        sys.excepthook = _log_unhandled
        threading.excepthook = lambda args: _log_unhandled(*args[:3])


def _log_unhandled(kind: Any, error: Any, trace: Any) -> None:
    logging.getLogger("panel").critical("an unforeseen error", exc_info=(kind, error, trace))


class _Json(JsonFormatter):
    """A record as `time` (ISO 8601, UTC), `level`, `logger` and `message`."""

    def __init__(self) -> None:
        super().__init__(
            ["levelname", "name", "message"],
            rename_fields={"levelname": "level", "name": "logger"},
            timestamp="time",
        )


class _JsonAccess(_Json):
    """A request, with fields of its own."""

    def add_fields(
        self, log_data: dict[str, Any], record: logging.LogRecord, message_dict: dict[str, Any]
    ) -> None:
        """Add the request's fields; gunicorn's atoms are the record's arguments."""
        super().add_fields(log_data, record, message_dict)
        atoms: Any = record.args
        log_data |= {
            "message": f"{atoms['m']} {atoms['U']} {atoms['s']}",
            "method": atoms["m"],
            "path": atoms["U"],
            "status": int(atoms["s"]),
            "bytes": atoms["B"],
            "duration_s": float(atoms["L"]),
            "request_id": atoms.get(f"{{{REQUEST_ID}}}e"),
            "account": atoms.get(f"{{{ACCOUNT}}}e"),
            "address": atoms["h"],
        }


_WORD = re.compile(r"[A-Za-z0-9]{20,}")
_WORD_WITH_DIGIT = re.compile(r"(?=[A-Za-z]*[0-9])[A-Za-z0-9]{20,}")
_DASHBOARD = "/admin/"
_DECODINGS = 5


def logged_path(path: str) -> str:
    """A request's path without long words: a client may have written its key into it.

    Percent-encoded ones are found, too, also if they were encoded again. In the dashboard's paths
    a word without a digit stays, for it may be a customer's name.
    """
    for _ in range(_DECODINGS):
        path, before = unquote(path), path
        if path == before:
            break
    word = _WORD_WITH_DIGIT if path.startswith(_DASHBOARD) else _WORD
    return word.sub("...", path)


class TextLogger(Logger):
    """gunicorn's logs as it writes them, and the panel's own beside them."""

    def atoms(self, *args: Any) -> dict[str, Any]:
        """What a line of the access log is made of."""
        atoms: dict[str, Any] = super().atoms(*args)
        return {**atoms, "U": logged_path(atoms["U"] or "-")}

    def setup(self, cfg: Config) -> None:
        """Set up all handlers."""
        super().setup(cfg)
        configure("text")


class JsonLogger(TextLogger):
    """gunicorn's logs and the panel's own as JSON."""

    def setup(self, cfg: Config) -> None:
        """Set up all handlers."""
        super().setup(cfg)
        for logger, formatter in ((self.error_log, _Json()), (self.access_log, _JsonAccess())):
            for handler in logger.handlers:
                handler.setFormatter(formatter)
        configure(JSON)
