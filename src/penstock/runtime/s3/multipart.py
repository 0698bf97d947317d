"""Multipart uploads: parts wait in a folder of their own until they are joined into one object.

1. An upload is a folder `uploads/<upload id>` with `upload.json`; a part is a file whose name says its
   number, its entity tag, its size and, if the upload has an algorithm, its checksum in hexadecimal. So an upload
   outlives a killed run without being journaled.
2. Limits are S3's ("Amazon S3 multipart upload limits"): parts 1 to 10,000, each but the last at least 5 MB.
"""

from __future__ import annotations

import base64
import hashlib
import os
import re
import shutil
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Final

import msgspec

from penstock.runtime.s3.checksums import ChecksumType
from penstock.runtime.s3.files import StoreFiles, disk_errors, replace_file
from penstock.runtime.s3.ingest import copy_whole
from penstock.runtime.s3.objects import StagedFile
from penstock.runtime.services import ServiceError

MINIMUM_PART_BYTES: Final = 5 * 1024 * 1024
PART_LIMIT: Final = 10_000
_SEQUENCER_DIGITS: Final = 12
_ID: Final = re.compile(rf"[0-9a-f]{{{_SEQUENCER_DIGITS + 64}}}")


class Upload(msgspec.Struct, frozen=True, kw_only=True):
    """A multipart upload that was begun."""

    upload_id: str
    bucket: str
    key: str
    initiated: int
    content_type: str
    metadata: dict[str, str]
    headers: dict[str, str]
    tagging: str = ""
    checksum_algorithm: str = ""
    checksum_type: ChecksumType = "COMPOSITE"

    @property
    def checksum_member(self) -> str:
        """AWS's name of the checksum that each part has; empty if the upload was begun without an algorithm."""
        return f"Checksum{self.checksum_algorithm}" if self.checksum_algorithm else ""


class Part(msgspec.Struct, frozen=True, kw_only=True):
    """A part that was uploaded; `file` is its path, `checksum` the upload's, if it has one."""

    number: int
    etag: str
    size_bytes: int
    modified: float
    file: str
    checksum: str = ""


def new_upload_id(bucket: str, key: str, sequencer: int) -> str:
    """The id of an upload that is begun with this sequencer, with which it begins: so ids are in that order."""
    digest = hashlib.sha256(f"{bucket}/{key}/{sequencer}".encode("utf-8", "surrogatepass")).hexdigest()
    return f"{sequencer:0{_SEQUENCER_DIGITS}x}{digest}"


def last_sequencer(files: StoreFiles) -> int:
    """The greatest sequencer that an upload was begun with; 0 if none is under way."""
    begun = (one.parent.name for one in files.uploads.glob("*/upload.json"))
    ids = (one for one in begun if _ID.fullmatch(one))
    return max((int(one[:_SEQUENCER_DIGITS], 16) for one in ids), default=0)


def begin(files: StoreFiles, upload: Upload) -> None:
    folder = files.uploads / upload.upload_id
    with disk_errors(folder):
        folder.mkdir(parents=True)
    replace_file(str(folder / "upload.json"), msgspec.json.encode(upload))


def existing(files: StoreFiles, parameters: Mapping[str, object]) -> Upload:
    """Find the upload that a call names.

    Raises:
        ServiceError: `NoSuchUpload`.
    """
    upload_id = str(parameters["UploadId"])
    if _ID.fullmatch(upload_id):
        path = files.uploads / upload_id / "upload.json"
        if path.exists():
            upload = msgspec.json.decode(path.read_bytes(), type=Upload)
            if (upload.bucket, upload.key) == (parameters["Bucket"], parameters["Key"]):
                return upload
    raise ServiceError(
        "NoSuchUpload",
        "The specified upload does not exist. The upload ID may be invalid, "
        "or the upload may have been aborted or completed.",
        404,
        fields={"UploadId": upload_id},
    )


def uploads_of(files: StoreFiles, bucket: str) -> list[Upload]:
    """Every upload of a bucket that is under way, by key and then by upload id."""
    found = [
        msgspec.json.decode(path.read_bytes(), type=Upload) for path in files.uploads.glob("*/upload.json")
    ]
    return sorted(
        (upload for upload in found if upload.bucket == bucket), key=lambda one: (one.key, one.upload_id)
    )


def add_part(files: StoreFiles, upload: Upload, number: int, staged: StagedFile) -> None:
    """Move a staged file into the upload; it replaces a part of the same number.

    Raises:
        ServiceError: `InvalidArgument`; `InvalidRequest`, it came with another checksum than the upload has. The
            staged file is gone then.
    """
    member = upload.checksum_member
    if member and member not in staged.checksums:
        (files.incoming / staged.file).unlink(missing_ok=True)
        came = next(iter(staged.checksums), "Checksumnull").removeprefix("Checksum").lower()
        raise ServiceError(
            "InvalidRequest",
            f"Checksum Type mismatch occurred, expected checksum Type: {upload.checksum_algorithm.lower()}, actual "
            f"checksum Type: {came}",
        )
    if not 1 <= number <= PART_LIMIT:
        (files.incoming / staged.file).unlink(missing_ok=True)
        raise ServiceError("InvalidArgument", "Part number must be an integer between 1 and 10000, inclusive")
    folder = files.uploads / upload.upload_id
    name = f"{number:05d}-{staged.md5}-{staged.size_bytes}"
    if member:
        name += f"-{base64.b64decode(staged.checksums[member]).hex()}"
    with disk_errors(folder):
        os.rename(files.incoming / staged.file, folder / name)
        for other in folder.glob(f"{number:05d}-*"):
            if other.name != name:
                other.unlink(missing_ok=True)


def parts_of(files: StoreFiles, upload: Upload) -> list[Part]:
    """The parts of an upload by number; of two with one number (a kill between two steps) the newer."""
    newest: dict[int, Part] = {}
    for part in _stored_parts(files.uploads / upload.upload_id):
        known = newest.get(part.number)
        if known is None or known.modified <= part.modified:
            newest[part.number] = part
    return [newest[number] for number in sorted(newest)]


def chosen_parts(
    files: StoreFiles, upload: Upload, asked: Sequence[Mapping[str, object]], *, expected_bytes: object = None
) -> list[Part]:
    """The parts that a `CompleteMultipartUpload` names, checked as S3 checks them.

    Args:
        expected_bytes: the size of the whole object, if the caller says it.

    Raises:
        ServiceError: `MalformedXML` (no part), `InvalidPartOrder`, `InvalidPart`, `EntityTooSmall`,
            `InvalidRequest` (another size than was expected).
    """
    if not asked:
        raise ServiceError("MalformedXML", "The XML you provided was not well-formed or did not validate")
    there = {part.number: part for part in parts_of(files, upload)}
    numbers = [number for item in asked if isinstance(number := item.get("PartNumber"), int)]
    if any(second <= first for first, second in pairwise(numbers)):
        raise ServiceError(
            "InvalidPartOrder",
            "The list of parts was not in ascending order. Parts must be ordered by part number.",
        )
    chosen = []
    for item in asked:
        number = item.get("PartNumber")
        part = there.get(number) if isinstance(number, int) else None
        if part is None or str(item.get("ETag", "")).strip('"') != part.etag:
            raise _invalid_part(upload, number)
        _check_checksum(upload, part, item)
        chosen.append(part)
    for part in chosen[:-1]:
        if part.size_bytes < MINIMUM_PART_BYTES:
            raise ServiceError(
                "EntityTooSmall",
                "Your proposed upload is smaller than the minimum allowed size",
                fields={
                    "ProposedSize": str(part.size_bytes),
                    "MinSizeAllowed": str(MINIMUM_PART_BYTES),
                    "PartNumber": str(part.number),
                    "ETag": part.etag,
                },
            )
    size = sum(part.size_bytes for part in chosen)
    if expected_bytes is not None and expected_bytes != size:
        raise ServiceError(
            "InvalidRequest",
            f"The provided 'x-amz-mp-object-size' header does not match what was computed: {size}",
        )
    return chosen


def _check_checksum(upload: Upload, part: Part, item: Mapping[str, object]) -> None:
    member = upload.checksum_member
    given = item.get(member) if member else None
    if given is not None and given != part.checksum:
        raise _invalid_part(upload, part.number)
    if given is None and member and upload.checksum_type == "COMPOSITE":
        raise ServiceError(
            "InvalidRequest",
            f"The upload was created using a {upload.checksum_algorithm.lower()} checksum. The complete request must "
            f"include the checksum for each part. It was missing for part {part.number} in the request.",
        )


def _invalid_part(upload: Upload, number: object) -> ServiceError:
    return ServiceError(
        "InvalidPart",
        "One or more of the specified parts could not be found.  The part may not have been uploaded, "
        "or the specified entity tag may not match the part's entity tag.",
        fields={"UploadId": upload.upload_id, "PartNumber": str(number)},
    )


def join(files: StoreFiles, parts: Sequence[Part]) -> StagedFile:
    """Put parts together into one staged file; the kernel copies. `md5` is the multipart entity tag."""
    target = files.new_staged_path()
    with disk_errors(target):
        descriptor = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o644)
        try:
            for part in parts:
                source = os.open(part.file, os.O_RDONLY | os.O_CLOEXEC)
                try:
                    copy_whole(source, descriptor, part.size_bytes)
                finally:
                    os.close(source)
        except BaseException:
            target.unlink(missing_ok=True)
            raise
        finally:
            os.close(descriptor)
    digests = b"".join(bytes.fromhex(part.etag) for part in parts)
    tag = hashlib.md5(digests, usedforsecurity=False).hexdigest()
    return StagedFile(
        file=target.name, size_bytes=sum(part.size_bytes for part in parts), md5=f"{tag}-{len(parts)}"
    )


def drop(files: StoreFiles, upload: Upload) -> None:
    shutil.rmtree(files.uploads / upload.upload_id, ignore_errors=True)


def _stored_parts(folder: Path) -> Iterator[Part]:
    for path in folder.iterdir():
        number, _, rest = path.name.partition("-")
        etag, _, rest = rest.partition("-")
        size, _, checksum = rest.partition("-")
        if number.isdigit() and size.isdigit():
            yield Part(
                number=int(number),
                etag=etag,
                size_bytes=int(size),
                modified=path.stat().st_mtime,
                file=str(path),
                checksum=base64.b64encode(bytes.fromhex(checksum)).decode(),
            )
