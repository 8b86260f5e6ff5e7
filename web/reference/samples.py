"""A request as code to copy, in the languages that clients are written in.

Each sample stands alone: it needs nothing that its language does not bring along, but for PHP's
curl extension, and shows the text of a refusal too.
"""

import json
import shlex
from collections.abc import Callable

KEY = "YOUR_KEY"
"""Stands for the key in every sample."""

_PYTHON = """\
import json
from urllib.error import HTTPError
from urllib.parse import urlencode
from urllib.request import urlopen

form = {{
{form}
}}
try:
    answer = urlopen({url}, urlencode(form).encode(), timeout=30)
except HTTPError as refusal:
    answer = refusal
print(json.load(answer))
"""

_PHP = """\
<?php
$call = curl_init({url});
curl_setopt_array($call, [
    CURLOPT_RETURNTRANSFER => true,
    CURLOPT_TIMEOUT => 30,
    CURLOPT_POSTFIELDS => http_build_query([
{form}
    ]),
]);
print_r(json_decode(curl_exec($call), true));
"""

_NODE = """\
const form = new URLSearchParams({{
{form}
}});
fetch({url}, {{ method: "POST", body: form }})
  .then((answer) => answer.json())
  .then(console.log);
"""


def _curl(url: str, form: dict[str, str]) -> str:
    # A value with several lines stands in its quotes as it is, line ends included.
    parts = [f"--data-urlencode {shlex.quote(f'{name}={text}')}" for name, text in form.items()]
    return " \\\n  ".join([f"curl {shlex.quote(url)}", *parts]) + "\n"


def _quoted(text: str) -> str:
    """A string of Python and of JavaScript: JSON's are both."""
    return json.dumps(text, ensure_ascii=False)


def _php_quoted(text: str) -> str:
    # JSON's escapes are PHP's too, but for \u and for what begins a variable.
    return _quoted(text).replace("$", "\\$")


def _python(url: str, form: dict[str, str]) -> str:
    lines = [f"    {_quoted(name)}: {_quoted(text)}," for name, text in form.items()]
    return _PYTHON.format(url=_quoted(url), form="\n".join(lines))


def _php(url: str, form: dict[str, str]) -> str:
    lines = [f"        '{name}' => {_php_quoted(text)}," for name, text in form.items()]
    return _PHP.format(url=_php_quoted(url), form="\n".join(lines))


def _node(url: str, form: dict[str, str]) -> str:
    lines = [f"  {name}: {_quoted(text)}," for name, text in form.items()]
    return _NODE.format(url=_quoted(url), form="\n".join(lines))


LANGUAGES: dict[str, Callable[[str, dict[str, str]], str]] = {
    "curl": _curl,
    "Python": _python,
    "PHP": _php,
    "Node": _node,
}


def of(url: str, sent: dict[str, str]) -> dict[str, str]:
    """A request with these parameters, by language."""
    form = {"key": KEY, **sent}
    return {language: write(url, form) for language, write in LANGUAGES.items()}
