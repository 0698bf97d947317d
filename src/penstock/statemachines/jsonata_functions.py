"""The functions that Step Functions adds to JSONata ("JSONata functions provided by Step Functions").

Pure functions of their arguments and of the execution's own random numbers.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from random import Random

from penstock.statemachines.jsonata_limits import check_array
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
        return (ports.draw if seed is None else Random(str(seed))).random()

    def uuid() -> object:
        draw = ports.draw
        bits = (draw.getrandbits(128) & ~(0xF << 76) & ~(0x3 << 62)) | (0x4 << 76) | (0x2 << 62)
        text = f"{bits:032x}"
        return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"

    return {
        "partition": partition,
        "range": number_range,
        "hash": text_hash,
        "random": random,
        "uuid": uuid,
        "parse": parse,
    }


def partition(array: object = None, size: object = None) -> object:
    """The array in pieces of `size` elements; the last one may be shorter."""
    if array is None:
        return None
    if not isinstance(array, list):
        array = [array]
    if isinstance(size, bool) or not isinstance(size, int | float) or int(size) < 1:
        raise _refused("partition", "its second argument must be a positive number")
    step = int(size)
    return [array[at : at + step] for at in range(0, len(array), step)]


def number_range(first: object = None, last: object = None, step: object = None) -> object:
    """The numbers from `first` to `last`, both included; a JSONata sequence, so that one number is no array."""
    numbers: list[int | float] = []
    for bound in (first, last, step):
        if isinstance(bound, bool) or not isinstance(bound, int | float):
            raise _refused("range", "its arguments must be numbers")
        numbers.append(bound)
    low, high, by = numbers
    if by == 0:
        raise _refused("range", "its third argument must not be 0")
    count = int((high - low) // by) + 1
    if count > 0:
        check_array(count)
    sequence = Utils.create_sequence()
    sequence.extend(low + by * index for index in range(count))
    return sequence


def text_hash(text: object = None, algorithm: object = None) -> object:
    """The text's hash in hexadecimal digits."""
    if text is None:
        return None
    name = _HASHES.get(str(algorithm))
    if name is None:
        raise _refused("hash", f"its algorithm must be one of {', '.join(_HASHES)}")
    if not isinstance(text, str):
        raise _refused("hash", "its first argument must be a string")
    return hashlib.new(name, text.encode()).hexdigest()


def parse(text: object = None) -> object:
    """The value of JSON text; Step Functions has it in place of `$eval`."""
    if text is None:
        return None
    if not isinstance(text, str):
        raise _refused("parse", "its argument must be a string")
    try:
        value: JSON = json.loads(text)
    except ValueError as error:
        raise _refused("parse", "its argument is not JSON") from error
    return Utils.NULL_VALUE if value is None else value


def _refused(function: str, why: str) -> JException:
    error = JException("T0410", -1)
    error.args = (f"The function ${function} cannot be called like this: {why}",)
    return error
