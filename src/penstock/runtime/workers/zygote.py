"""The process that execution environments are forked from, with everything heavy imported already.

1. It has one thread and runs no user code, so that a fork is safe and takes about a millisecond.
2. It is told what to fork and kill over its socket, reaps what ends, and reports it.
3. At the end of the socket (the main process is gone, however it went) it kills every environment and ends.

It is started as `python -m penstock.runtime.workers.zygote DESCRIPTOR`.
"""

from __future__ import annotations

import contextlib
import ctypes
import gc
import os
import selectors
import signal
import socket
import sys

from penstock.runtime import aws_calls
from penstock.runtime.workers.environment import live
from penstock.runtime.workers.frames import Ended, Fork, Kill, receive_with_descriptor, send, to_zygote

_PR_SET_PDEATHSIG = 1


def main() -> None:
    """Serve the main process until it is gone."""
    with aws_calls.surroundings():
        _serve(socket.socket(fileno=int(sys.argv[1])))
    os._exit(0)  # the main process waits, and this interpreter has nothing to clear away


def _serve(control: socket.socket) -> None:
    _end_with_parent()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _preload()
    wake, waker = socket.socketpair()
    for end in (wake, waker):
        end.setblocking(False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.set_wakeup_fd(waker.fileno(), warn_on_full_buffer=False)
    gc.freeze()
    environments: dict[int, int] = {}
    with selectors.DefaultSelector() as selector:
        selector.register(control, selectors.EVENT_READ)
        selector.register(wake, selectors.EVENT_READ)
        while True:
            for key, _ in selector.select():
                if key.fileobj is wake:
                    with contextlib.suppress(BlockingIOError):
                        wake.recv(4096)
                elif not _obey(control, environments, (selector, wake, waker)):
                    signal.set_wakeup_fd(-1)
                    _kill_all(environments)
                    return
            _reap(control, environments)


def _preload() -> None:
    """Import what handlers use, and have boto3's default session, which forks inherit, read its models."""
    import boto3

    aws_calls.install()
    for service in ("s3", "sqs", "stepfunctions", "dynamodb"):
        boto3.client(service)


def _obey(control: socket.socket, environments: dict[int, int], inherited: tuple[object, ...]) -> bool:
    """Carry out one order; False at the end of the connection."""
    received = receive_with_descriptor(control)
    if received is None:
        return False
    content, descriptor = received
    order = to_zygote.decode(content)
    match order:
        case Kill(environment_id=number):
            pid = next((pid for pid, known in environments.items() if known == number), None)
            if pid is not None:
                os.kill(pid, signal.SIGKILL)
        case Fork():
            if descriptor is None:
                raise RuntimeError("an environment's socket did not come with its order")
            pid = os.fork()
            if pid == 0:
                _become_environment(control, inherited, descriptor, order)
            environments[pid] = order.environment_id
            os.close(descriptor)
    return True


def _become_environment(
    control: socket.socket, inherited: tuple[object, ...], descriptor: int, order: Fork
) -> None:
    try:
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        _end_with_parent()
        control.close()
        for held in inherited:
            if isinstance(held, socket.socket | selectors.BaseSelector):
                held.close()
        live(socket.socket(fileno=descriptor), order)
    finally:
        os._exit(70)


def _reap(control: socket.socket, environments: dict[int, int]) -> None:
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return
        if pid == 0:
            return
        number = environments.pop(pid, None)
        if number is not None:
            with contextlib.suppress(ConnectionError):
                send(control, Ended(number, os.waitstatus_to_exitcode(status)))


def _kill_all(environments: dict[int, int]) -> None:
    """End them and wait for them: what they used counts among what this process's parent waited for."""
    for pid in environments:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    for pid in environments:
        with contextlib.suppress(ChildProcessError):
            os.waitpid(pid, 0)


def _end_with_parent() -> None:
    """Have the kernel kill this process when its parent ends, where it can (Linux)."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() == 1:
            os._exit(0)


if __name__ == "__main__":
    main()
