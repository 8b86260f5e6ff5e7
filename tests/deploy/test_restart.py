"""Restarts and stops: nobody is refused, nobody is reset, and no slow client holds one up."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
from support.apps import PLENTY, ROOT, Server
from support.clients import add
from support.databases import order_numbers
from support.servers import at_the_desk
from support.wire import FORM

from bench.restart import Activated
from bench.slow_clients import KINDS, SlowClients
from panel import accounts, services
from panel.money import MICROS

pytestmark = pytest.mark.server
