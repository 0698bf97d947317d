"""A process that ends when its parent has ended, also when that was killed and could end nothing itself."""

from __future__ import annotations

import os
import signal
import threading
import time

LOOK_SECONDS = 1.0


def end_with(parent: int, *, look_seconds: float = LOOK_SECONDS) -> None:
    """Have this process get SIGTERM once the process `parent` is no longer its parent.

    A process whose parent ends is given another one, so no number is mistaken that the system uses again.
    """

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(look_seconds)
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=watch, name="penstock-parent", daemon=True).start()
