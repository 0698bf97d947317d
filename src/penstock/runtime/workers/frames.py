"""What the processes tell each other: length-prefixed msgpack frames, one struct for each kind.

From the main process to an environment: `Run`, `Answered`, `Refused`, `Unanswered`.
From an environment to the main process: `Ready`, `Asked`, `Ran`, `DiskFailed`.
From the main process to the zygote: `Fork` (with the environment's socket), `Kill`.
From the zygote to the main process: `Ended`.
"""

from __future__ import annotations

import socket
import struct
from typing import Final

import msgspec

from penstock.runtime.access import Principal
from penstock.runtime.invocation import FunctionError, Invocation
from penstock.runtime.s3.objects import StagedFile
from penstock.runtime.services import CallRecord, HttpRequest

_LENGTH: Final = struct.Struct(">I")
_READ_BYTES: Final = 1 << 18


class Run(msgspec.Struct, frozen=True, tag=True):
    """Run one invocation. `until` is the end of its time on the machine's monotonic clock."""

    invocation: Invocation
    until: float


class Answered(msgspec.Struct, frozen=True, tag=True):
    """The answer to `Asked`."""

    answer: dict[str, object]


class Refused(msgspec.Struct, frozen=True, tag=True):
    """AWS says no: a `ServiceError`."""

    code: str
    message: str
    status: int
    fields: dict[str, object]
    headers: dict[str, str] = {}


class Unanswered(msgspec.Struct, frozen=True, tag=True):
    """The target does not know the operation: an `UnansweredOperationError`."""

    what: str
    at: str | None
    fix: str | None


class Ready(msgspec.Struct, frozen=True, tag=True):
    """The handler is imported. `error`: it is not, and every invocation fails with this."""

    error: FunctionError | None = None


class Asked(msgspec.Struct, frozen=True, tag=True):
    """An AWS call. `staged` stands for the `Body`, which is in the store's `incoming` folder already."""

    service: str
    operation: str
    parameters: dict[str, object]
    staged: StagedFile | None = None
    request: HttpRequest | None = None


class Ran(msgspec.Struct, frozen=True, tag=True):
    """What came of `Run`: exactly one of `payload` and `error`."""

    payload: bytes | None
    error: FunctionError | None
    duration_seconds: float
    calls: tuple[CallRecord, ...] = ()


class DiskFailed(msgspec.Struct, frozen=True, tag=True):
    """The environment could not write to the state folder. The run ends with this; it can be resumed."""

    what: str
    at: str | None
    fix: str | None


class Fork(msgspec.Struct, frozen=True, tag=True):
    """Fork an environment for one function; its socket comes along with this frame.

    Attributes:
        writer: begins the names of the files that it stages.
        store: the root of the S3 store, which the environment reads by itself.
        log: the file that its standard output and error are appended to.
        principal: the function's role, if it is enforced.
    """

    environment_id: int
    writer: str
    function: str
    handler: str
    variables: dict[str, str]
    project: str
    store: str
    log: str
    principal: Principal | None = None


class Kill(msgspec.Struct, frozen=True, tag=True):
    """End an environment at once."""

    environment_id: int


class Ended(msgspec.Struct, frozen=True, tag=True):
    """An environment is no more. `status` is as `os.waitstatus_to_exitcode` gives it."""

    environment_id: int
    status: int


ToEnvironment = Run | Answered | Refused | Unanswered
FromEnvironment = Ready | Asked | Ran | DiskFailed
ToZygote = Fork | Kill


def _content(value: object) -> object:
    """What is in a file: `Invoke` takes its payload from one as well.

    Raises:
        NotImplementedError: it is no file, and no parameter of a call.
    """
    if hasattr(value, "read"):
        content = value.read()
        return content.encode() if isinstance(content, str) else content
    raise NotImplementedError(f"Encoding objects of type {type(value).__name__} is unsupported")


encoder: Final = msgspec.msgpack.Encoder(enc_hook=_content)
to_environment: Final = msgspec.msgpack.Decoder(ToEnvironment)
from_environment: Final = msgspec.msgpack.Decoder(FromEnvironment)
to_zygote: Final = msgspec.msgpack.Decoder(ToZygote)
from_zygote: Final = msgspec.msgpack.Decoder(Ended)


def framed(message: object) -> bytes:
    """A message with its length before it."""
    content = encoder.encode(message)
    return _LENGTH.pack(len(content)) + content


def send(connection: socket.socket, message: object) -> None:
    """Send a message whole."""
    connection.sendall(framed(message))


def send_with_descriptor(connection: socket.socket, message: object, descriptor: int) -> None:
    """Send a message and an open file with it; the message must be small."""
    socket.send_fds(connection, [framed(message)], [descriptor])


def receive(connection: socket.socket) -> bytes | None:
    """Wait for one message; None at the end of the connection."""
    header = _exactly(connection, _LENGTH.size)
    return None if header is None else _exactly(connection, _LENGTH.unpack(header)[0])


def receive_with_descriptor(connection: socket.socket) -> tuple[bytes, int | None] | None:
    """Wait for one message and the open file that came with it, if one did; None at the connection's end."""
    try:
        header, descriptors, _, _ = socket.recv_fds(connection, _LENGTH.size, 1)
    except ConnectionError:
        return None
    if not header:
        return None
    if len(header) < _LENGTH.size:
        rest = _exactly(connection, _LENGTH.size - len(header))
        if rest is None:
            return None
        header += rest
    content = _exactly(connection, _LENGTH.unpack(header)[0])
    return None if content is None else (content, descriptors[0] if descriptors else None)


def _exactly(connection: socket.socket, size: int) -> bytes | None:
    pieces: list[bytes] = []
    while size:
        piece = connection.recv(min(size, _READ_BYTES))
        if not piece:
            return None
        pieces.append(piece)
        size -= len(piece)
    return b"".join(pieces)


class Frames:
    """Collects the messages of a connection that is read whenever there is something to read."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._pending = bytearray()
        self.ended = False

    def read(self) -> list[bytes]:
        """Read once; return the messages that are complete. `ended` is set at the connection's end."""
        try:
            piece = self._connection.recv(_READ_BYTES)
        except ConnectionError:
            piece = b""
        if not piece:
            self.ended = True
            return []
        self._pending += piece
        found: list[bytes] = []
        while len(self._pending) >= _LENGTH.size:
            stop = _LENGTH.size + _LENGTH.unpack_from(self._pending)[0]
            if len(self._pending) < stop:
                break
            found.append(bytes(self._pending[_LENGTH.size : stop]))
            del self._pending[:stop]
        return found
