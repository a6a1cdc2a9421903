"""How to start the app. Everything is a flag, so it does not matter where it is started from."""

import sys
from pathlib import Path

_APP = Path(__file__).resolve().parent


def command(host: str = "127.0.0.1", port: int = 8501) -> list[str]:
    """The argv of the web server.

    The published folder comes from `OBSERVATORY_PATHS__PUBLISHED` in the environment (or from the
    settings): set it for the process. The address is always given, so that Streamlit does not ask
    the internet for its own.
    """
    flags = {
        "server.address": host,
        "server.port": str(port),
        "server.headless": "true",
        "server.fileWatcherType": "none",
        "browser.gatherUsageStats": "false",
        "client.toolbarMode": "minimal",
        "theme.base": str(_APP / "theme.toml"),
    }
    argv = [sys.executable, "-m", "streamlit", "run", str(_APP / "streamlit_app.py")]
    return argv + [part for flag, value in flags.items() for part in (f"--{flag}", value)]
