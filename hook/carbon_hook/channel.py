"""How a job speaks to its monitor: datagrams of JSON on an abstract Unix socket, which needs
no disk, no descriptor to inherit, and never makes the sender wait.

`socket` and `json` are imported where they are needed: a job that
imports the hook does not wait for them.
"""

from __future__ import annotations

import os
import struct
from typing import Any, Dict, Optional, Tuple

from carbon_hook.quiet import told

VARIABLE = "CARBON_HOOK_CHANNEL"
_CREDENTIALS = struct.Struct("3i")
_LARGEST = 1 << 17


class Channel:
    """The monitor's end. Words of other users are not heard."""

    def __init__(self, handle: Optional[int] = None) -> None:
        """A new socket, or one that was inherited."""
        import socket

        if handle is not None:
            self.socket = socket.socket(fileno=handle)
        else:
            self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
            self.socket.bind("\0carbon-hook-" + os.urandom(16).hex())
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
        self.name = self.socket.getsockname()[1:].decode()
        self.socket.setblocking(False)

    def hear(self) -> Optional[Tuple[Dict[str, Any], bytes]]:
        """One message and whom to answer; None where none waits."""
        import json
        import socket

        try:
            data, control, _, sender = self.socket.recvmsg(
                _LARGEST, socket.CMSG_SPACE(_CREDENTIALS.size)
            )
        except BlockingIOError:
            return None
        for _, kind, content in control:
            if kind == socket.SCM_CREDENTIALS and len(content) >= _CREDENTIALS.size:
                _, user, _ = _CREDENTIALS.unpack(content[: _CREDENTIALS.size])
                if user not in (os.getuid(), 0):
                    return {}, b""
        try:
            message = json.loads(data)
        except ValueError as error:
            told("a message that is no JSON", error)
            return {}, b""
        return (message if isinstance(message, dict) else {}), sender or b""

    def answer(self, sender: bytes) -> None:
        """Tell a sender that waits for it that all is done."""
        if sender:
            try:
                self.socket.sendto(b"done", sender)
            except OSError:
                pass


def say(name: str, message: Dict[str, Any]) -> bool:
    """Send a message to the monitor; False where it could not be taken now, or nobody listens."""
    import json
    import socket

    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
            sender.setblocking(False)
            sender.sendto(json.dumps(message).encode(), "\0" + name)
        return True
    except (OSError, ValueError):
        return False


def ask(name: str, message: Dict[str, Any], timeout_s: float) -> bool:
    """Send a message and wait until the monitor is done with it."""
    import json
    import socket

    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
            sender.bind("")  # the kernel gives it a name to answer to
            sender.settimeout(timeout_s)
            sender.sendto(json.dumps(message).encode(), "\0" + name)
            return sender.recv(16) == b"done"
    except (OSError, ValueError):
        return False
