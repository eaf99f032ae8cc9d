"""How kernels are started: through sockets in files, not through TCP ports.

Ports are looked up first and bound later. Two kernels that start at once can be given
the same one, and then a notebook fails that is in order.
"""

import os
import secrets
import tempfile
from pathlib import Path

from jupyter_client import KernelManager


def connection():
    """Return the settings of a kernel's connection, new names at every call."""
    if os.name != "posix":
        return {}
    name = f"kernel-{secrets.token_hex(4)}.json"  # sockets' paths must be short
    path = str(Path(tempfile.gettempdir()) / name)
    return {"transport": "ipc", "connection_file": path}


def manager(**settings):
    """Return what jupyter_client's KernelManager would be, with such a connection."""
    return KernelManager(**connection(), **settings)
