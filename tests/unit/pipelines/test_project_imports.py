"""Importing a project's modules: what they find around them."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import boto3
import pytest

from penstock.pipelines.imports import import_module


def test_a_module_may_make_clients_when_it_is_imported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a machine that has neither region nor credentials, as on Lambda; no network is asked for them."""

    def refuse(_: socket.socket, address: object) -> None:
        raise AssertionError(f"a connection to {address} was tried")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(boto3, "DEFAULT_SESSION", None)
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")
    (tmp_path / "makes_clients.py").write_text(
        "import boto3\nregion = boto3.client('sqs').meta.region_name\n"
    )
    assert import_module("makes_clients", root=tmp_path).region == "us-east-1"
    assert os.environ["AWS_DEFAULT_REGION"] == "eu-west-1"
    assert "AWS_EC2_METADATA_DISABLED" not in os.environ
