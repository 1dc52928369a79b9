"""The program's own settings over a data folder that lives as long as the test run."""

import atexit
import os
import shutil
import tempfile
from pathlib import Path

_root = tempfile.mkdtemp(prefix="menting-test-")
atexit.register(shutil.rmtree, _root, ignore_errors=True)
os.environ["MENTING_DATA"] = _root
for _name in [name for name in os.environ if name.startswith("MENTING_")]:
    if _name not in ("MENTING_DATA", "MENTING_SYNAPSE"):
        del os.environ[_name]  # the tester's own settings must not steer a test

if "TEST_DATABASE" in os.environ:  # --db postgres: tests/database.py
    os.environ["MENTING_DATABASE"] = os.environ["TEST_DATABASE"]

# The platform's address is each test's own.
os.environ["MENTING_QQ_CONNECT__CLIENT_ID"] = "101234567"
os.environ["MENTING_QQ_CONNECT__CLIENT_SECRET"] = "test-secret"

from menting.base.folder import Folder  # noqa: E402

Folder(Path(_root)).prepare()

from menting.server.settings import *  # noqa: E402, F403

# One round instead of 1,000,000: the tests are not about slow hashes.
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
