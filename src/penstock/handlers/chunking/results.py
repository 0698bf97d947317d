"""Manifests and results: what passes between the steps of a job through S3, since a state's payload is small.

1. The manifest is a JSON array with one chunk on each line, which a Distributed Map's ItemReader reads.
2. A chunk's result has one key, made of its number, and is written once (`If-None-Match: *`): a chunk that is
   processed twice, by a retry or a duplicate event, counts once.
3. Results are read in the order of the chunks' numbers.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import msgspec

from penstock.errors import ChunkingError
from penstock.handlers.chunking.plan import Chunk
from penstock.handlers.chunking.s3_port import MultipartWriter, S3Port, error_code

_encode = msgspec.json.Encoder(order="deterministic").encode


def write_manifest(s3: S3Port, bucket: str, key: str, chunks: Iterable[Chunk]) -> int:
    """Write a manifest, in constant memory; return how many chunks it has."""
    writer = MultipartWriter(s3, bucket, key)
    count = 0
    try:
        for chunk in chunks:
            writer.write((b",\n" if count else b"[\n") + _encode(chunk))
            count += 1
        writer.write(b"\n]\n" if count else b"[]\n")
    except BaseException:
        writer.abandon()
        raise
    writer.close()
    return count


def read_manifest(s3: S3Port, bucket: str, key: str) -> Iterator[Chunk]:
    """Read a manifest, chunk by chunk.

    Raises:
        ChunkingError: it is not a manifest.
    """
    decode = msgspec.json.Decoder(Chunk).decode
    body = s3.get_object(Bucket=bucket, Key=key)["Body"]
    pending = b""
    while piece := body.read(1 << 20):
        *lines, pending = (pending + piece).split(b"\n")
        for line in lines:
            bare = line.rstrip(b",")
            if bare in (b"[", b"]", b"[]", b""):
                continue
            try:
                yield decode(bare)
            except msgspec.DecodeError as error:
                raise ChunkingError(f"this is no manifest: {error}", at=f"s3://{bucket}/{key}") from error


def result_key(prefix: str, index: int) -> str:
    """The key of a chunk's result: `prefix` and its number with leading zeros, so that keys sort by it."""
    return f"{prefix}{index:08d}.json"


def write_once(s3: S3Port, bucket: str, key: str, content: bytes) -> bool:
    """Write an object unless it exists; False if it did.

    A conflict of two writers at once (409) is raised: AWS says to try again, for the other one may have failed.
    """
    try:
        s3.put_object(Bucket=bucket, Key=key, Body=content, IfNoneMatch="*", ContentType="application/json")
    except Exception as error:
        if error_code(error) in ("PreconditionFailed", "412"):
            return False
        raise
    return True


def existing_results(s3: S3Port, bucket: str, prefix: str) -> Iterator[tuple[int, bytes]]:
    """The results that were written under a prefix, in the order of their chunks' numbers."""
    more: dict[str, str] = {}
    while True:
        answer = s3.list_objects_v2(Bucket=bucket, Prefix=prefix, **more)
        for found in answer.get("Contents", ()):
            name = str(found["Key"]).removeprefix(prefix).removesuffix(".json")
            if name.isdecimal():
                content: bytes = s3.get_object(Bucket=bucket, Key=str(found["Key"]))["Body"].read()
                yield int(name), content
        token = answer.get("NextContinuationToken")
        if token is None:
            return
        more = {"ContinuationToken": str(token)}
