"""Dockerfile and docker-compose.yml as far as they can be checked without an engine: names, files, settings, limits."""
import os
import pathlib
import re
import subprocess

import pytest
import yaml

ROOT = pathlib.Path(__file__).resolve().parents[2]
COMPOSE = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
DOCKERFILE = (ROOT / "Dockerfile").read_text().replace("\\\n", " ")
WORKER = COMPOSE["services"]["alphaloop"]


def settings():
    text = (ROOT / "include/alphaloop/tbl/settings.def").read_text()
    names = set(re.findall(r'"([A-Z][A-Z0-9_]+)"', text))
    assert len(names) > 40
    return names


def default_of(value):
    """`${NAME:-text}` without the environment."""
    return re.sub(r"\$\{\w+:-([^}]*)\}", r"\1", str(value))


def test_every_variable_of_the_worker_is_a_setting():
    assert set(WORKER["environment"]) <= settings()


def test_required_secrets_have_no_default():
    for name in ("MODEL_SERVICE_API_KEY", "POSTGRES_PASSWORD", "RABBITMQ_PASSWORD"):
        assert WORKER["environment"][name].startswith("${" + name + ":?"), name


def test_worker_finds_the_other_services_by_name():
    for name in ("POSTGRES_HOST", "RABBITMQ_HOST"):
        assert WORKER["environment"][name] in COMPOSE["services"]
    assert set(WORKER["depends_on"]) <= set(COMPOSE["services"])


def test_every_service_has_limits_and_comes_back():
    for name, service in COMPOSE["services"].items():
        assert service["deploy"]["resources"]["limits"]["memory"], name
        assert service["restart"] == "unless-stopped", name


def test_services_that_are_waited_for_have_a_health_check():
    for name, wanted in WORKER["depends_on"].items():
        assert wanted["condition"] == "service_healthy"
        assert COMPOSE["services"][name]["healthcheck"]["test"]


def test_volumes_are_declared_or_files_of_the_repository():
    for name, service in COMPOSE["services"].items():
        for volume in service.get("volumes", []):
            source = volume.split(":")[0]
            if source.startswith("./"):
                assert (ROOT / source).exists(), f"{name}: {source}"
            else:
                assert source in COMPOSE["volumes"], f"{name}: {source}"


def test_ports_are_published_on_loopback_only():
    for name, service in COMPOSE["services"].items():
        for port in service.get("ports", []):
            assert default_of(port).startswith("127.0.0.1:"), name


def test_scraper_reads_the_worker():
    config = yaml.safe_load((ROOT / "config/prometheus.yml").read_text())
    assert config["scrape_configs"][0]["static_configs"][0]["targets"] == [f"alphaloop:{WORKER['environment']['MODEL_SERVICE_PORT']}"]


def test_image_runs_as_a_user_with_a_health_check():
    last_stage = DOCKERFILE[DOCKERFILE.rindex("FROM "):]
    assert re.search(r"^USER alphaloop$", last_stage, re.M)
    assert re.search(r"^HEALTHCHECK .*--interval=30s .*--timeout=10s .*--retries=3", last_stage, re.M)
    assert "ENTRYPOINT" in last_stage


@pytest.mark.parametrize("source", re.findall(r"^COPY (?!--from)(.+)$", DOCKERFILE, re.M))
def test_image_copies_what_is_there(source):
    for path in source.split()[:-1]:
        assert (ROOT / path).exists(), path


def test_settings_of_the_image_are_settings():
    names = {pair.split("=")[0] for line in re.findall(r"^ENV (.+)$", DOCKERFILE, re.M) for pair in line.split()}
    assert names and names <= settings()


def test_image_has_every_library_the_program_is_linked_with():
    """The packages that own the libraries of build/alphaloop, but those every image has."""
    program = os.environ["ALPHALOOP"]
    needed = subprocess.run(["objdump", "-p", program], capture_output=True, text=True, check=True).stdout
    for library in re.findall(r"NEEDED\s+(\S+)", needed):
        owner = subprocess.run(["dpkg", "-S", f"*/{library}"], capture_output=True, text=True, check=True).stdout
        packages = {line.split(":")[0] for line in owner.splitlines()}
        assert packages & ({"libc6"} | set(DOCKERFILE.split())), f"{library} of {packages}"
