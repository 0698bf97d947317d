"""docker-compose.yml: pinned images, health checks, nothing that needs an account."""

from __future__ import annotations

import subprocess
from pathlib import Path

import yaml

from tests.packaging.compose import docker_compose

ROOT = Path(__file__).resolve().parents[2]


def services() -> dict[str, dict[str, object]]:
    document = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
    found: dict[str, dict[str, object]] = document["services"]
    return found


def test_the_images_are_pinned() -> None:
    """LocalStack 4.14.0 is the last one that needs no account."""
    assert {name: service["image"] for name, service in services().items()} == {
        "localstack": "localstack/localstack:4.14.0",
        "stepfunctions": "amazon/aws-stepfunctions-local:2.0.0",
    }


def test_localstack_tells_when_it_is_ready() -> None:
    """A health check, so that `docker compose up --wait` waits; ports on the loopback interface only."""
    localstack = services()["localstack"]
    assert "healthcheck" in localstack
    assert localstack["ports"] == ["127.0.0.1:4566:4566"]


def test_functions_run_in_containers() -> None:
    """LocalStack has the Docker socket; and no service is left out, for templates use many."""
    localstack = services()["localstack"]
    volumes, environment = localstack["volumes"], localstack["environment"]
    assert isinstance(volumes, list)
    assert "/var/run/docker.sock:/var/run/docker.sock" in volumes
    assert isinstance(environment, dict)
    assert "SERVICES" not in environment


def test_nothing_needs_an_account() -> None:
    """No token anywhere in the file, and no image that asks for one."""
    assert "TOKEN" not in (ROOT / "docker-compose.yml").read_text()


def test_step_functions_local_is_asked_for_explicitly() -> None:
    """It stands under a profile."""
    assert services()["stepfunctions"]["profiles"] == ["stepfunctions"]


def test_docker_compose_accepts_the_file() -> None:
    """`docker compose config`, with every profile; and not whatever it is given."""
    command = docker_compose(ROOT / ".penstock" / "compose")
    assert configured(command, ROOT / "docker-compose.yml") == ""


def test_docker_compose_refuses_another_file(tmp_path: Path) -> None:
    """An image that is misspelt as a setting: the check can fail."""
    command = docker_compose(ROOT / ".penstock" / "compose")
    wrong = tmp_path / "docker-compose.yml"
    wrong.write_text((ROOT / "docker-compose.yml").read_text().replace("image:", "picture:"))
    assert "picture" in configured(command, wrong)


def configured(command: tuple[str, ...], file: Path) -> str:
    """What it says of a file that it does not accept."""
    done = subprocess.run(
        [*command, "--file", str(file), "--profile", "*", "config", "--quiet"],
        capture_output=True,
        text=True,
        check=False,
    )
    return done.stderr if done.returncode else ""
