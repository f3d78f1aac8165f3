"""Dockerfile and docker-compose.yml as far as they can be checked without an engine: names, files, settings, limits."""
import os
import pathlib
import re
import shutil
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


def test_image_copies_what_its_build_needs(tmp_path):
    """Only what the first stage copies, and make knows a way to every file."""
    first_stage = DOCKERFILE[:DOCKERFILE.rindex("FROM ")]
    for copied in re.findall(r"^COPY (.+)$", first_stage, re.M):
        *sources, target = copied.split()
        for source in map(pathlib.Path, sources):
            is_folder = (ROOT / source).is_dir()
            to = tmp_path / target if is_folder else tmp_path / target / source.name
            to.parent.mkdir(parents=True, exist_ok=True)
            (shutil.copytree if is_folder else shutil.copy)(ROOT / source, to)
    goal = re.search(r"^RUN make .*?(\S+)$", first_stage, re.M).group(1)
    plan = subprocess.run(["make", "-n", goal], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert plan.returncode == 0 and "gcc" in plan.stdout, plan.stderr


def test_worker_takes_every_setting_and_the_network_its_own():
    assert WORKER["env_file"] == ".env"
    example = dict(line.split("=", 1) for line in (ROOT / "env.example").read_text().splitlines() if line[:1].isalpha())
    local = {name for name, value in example.items() if value in ("localhost", "127.0.0.1")}
    assert local <= set(WORKER["environment"]), "an address of the host means nothing in the network"


def test_worker_has_room_for_a_training():
    example = (ROOT / "env.example").read_text()
    training_mb = int(re.search(r"^TRAINING_MEMORY_MAX_MB=(\d+)$", example, re.M).group(1))
    limit_mb = int(re.fullmatch(r"(\d+)g", WORKER["deploy"]["resources"]["limits"]["memory"]).group(1)) * 1024
    assert limit_mb >= training_mb + 512
    drain = int(re.search(r"^SHUTDOWN_DRAIN_SECONDS=(\d+)$", example, re.M).group(1))
    assert int(WORKER["stop_grace_period"].rstrip("s")) > drain


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
