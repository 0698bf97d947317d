"""The functions that Step Functions adds to JSONata ("JSONata functions provided by Step Functions").

Pure functions of their arguments and of the execution's own random numbers.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Callable, Mapping

from penstock.statemachines.json_stream import refuse_constant
from penstock.statemachines.jsonata_limits import MAXIMUM_RANGE, too_large
from penstock.statemachines.jsonata_package import JException, Utils
from penstock.statemachines.model import Ports
from penstock.statemachines.values import JSON

_HASHES = {"MD5": "md5", "SHA-1": "sha1", "SHA-256": "sha256", "SHA-384": "sha384", "SHA-512": "sha512"}


def step_functions(ports: Ports) -> Mapping[str, Callable[..., object]]:
    """The functions by name.

    Args:
        ports: the random numbers for `$random` without a seed and for `$uuid`.
    """

    def random(seed: object = None) -> object:
        if seed is None:
            return ports.draw.random()
        if not _is_number(seed):
            raise _refused("random", 1)
        return java_random(int(seed))  # type: ignore[call-overload]  # a number, as was just asked

    def uuid() -> object:
        draw = ports.draw
        bits = (draw.getrandbits(128) & ~(0xF << 76) & ~(0x3 << 62)) | (0x4 << 76) | (0x2 << 62)
        text = f"{bits:032x}"
        return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"

    return {
        "partition": _called("partition", 2, partition),
        "range": _called("range", 3, number_range),
        "hash": _called("hash", 2, text_hash),
        "random": _called("random", 1, random),
        "uuid": _called("uuid", 0, uuid),
        "parse": _called("parse", 1, parse),
    }


def _called(name: str, most: int, function: Callable[..., object]) -> Callable[..., object]:
    """The function, which refuses more arguments than it has."""

    def call(*arguments: object) -> object:
        if len(arguments) > most:
            raise _refused(name, most + 1)
        return function(*arguments)

    return call


def java_random(seed: int) -> float:
    """The first `nextDouble` of `java.util.Random` with that seed, which is what AWS gives."""
    mask = (1 << 48) - 1
    state = (seed ^ 0x5DEECE66D) & mask
    state = (state * 0x5DEECE66D + 0xB) & mask
    high = state >> 22
    state = (state * 0x5DEECE66D + 0xB) & mask
    return float((high << 27) + (state >> 21)) / float(1 << 53)


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def partition(array: object = None, size: object = None) -> object:
    """The array in pieces of `size` elements; the last one may be shorter. A size of nothing gives nothing."""
    if array is None or not _is_number(size):
        return None
    step = int(size)  # type: ignore[call-overload]  # a number, as was just asked
    if step < 0:
        raise _refused("partition", 2)
    if step == 0:
        return None
    if not isinstance(array, list):
        array = [array]
    return [array[at : at + step] for at in range(0, len(array), step)]


def number_range(first: object = None, last: object = None, step: object = None) -> object:
    """The whole numbers from `first` to `last`, both included; a JSONata sequence, so that one number is no array.

    As measured on AWS, fractions of the arguments are cut off, and bad arguments give nothing.
    """
    if not (_is_number(first) and _is_number(last) and _is_number(step)):
        return None
    low, high, by = (int(bound) for bound in (first, last, step))  # type: ignore[call-overload]  # numbers
    if by == 0:
        return None
    numbers = range(low, high + (1 if by > 0 else -1), by)
    if (high - low) // by >= MAXIMUM_RANGE:
        raise too_large()
    sequence = Utils.create_sequence()
    sequence.extend(numbers)
    return sequence


def text_hash(text: object = None, algorithm: object = None) -> object:
    """The text's hash in hexadecimal digits."""
    if text is None:
        return None
    if not isinstance(text, str):
        raise _refused("hash", 1)
    name = _HASHES.get(str(algorithm))
    if name is None:
        raise _refused("hash", 2)
    return hashlib.new(name, text.encode()).hexdigest()


def parse(text: object = None) -> object:
    """The value of JSON text; Step Functions has it in place of `$eval`."""
    if text is None:
        return None
    if not isinstance(text, str):
        raise _refused("parse", 1)
    try:
        value: JSON = json.loads(text, parse_constant=refuse_constant)
    except ValueError as error:
        raise _refused("parse", 1) from error
    return Utils.NULL_VALUE if value is None else value


def _refused(function: str, argument: int) -> JException:
    return JException("T0410", -1, argument, function)
