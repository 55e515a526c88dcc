"""Every manifest in deploy/ is read offline by its own tool or schema, and calls a sweep that composes."""

from __future__ import annotations

import configparser
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import jsonschema
import pytest
import yaml
from packaging.requirements import Requirement

from pipeline.config.compose import compose

ROOT = Path(__file__).parent.parent
DEPLOY = ROOT / "deploy"
TOOLS = os.pathsep.join([str(ROOT / ".venv-tools" / "bin"), os.environ["PATH"]])


def tool(name: str) -> str:
    """Return a validator, or skip where it cannot be had (`make check` installs .venv-tools)."""
    found = shutil.which(name, path=TOOLS)
    if found is None:
        pytest.skip(f"{name} is not installed (make .venv-tools/.installed brings most validators)")
    return found


def accepted(*command: str | Path) -> bool:
    """Run a validator; show what it says when it refuses."""
    run = subprocess.run([*map(str, command)], capture_output=True, text=True, check=False)
    sys.stderr.write(run.stdout + run.stderr)
    return run.returncode == 0


def documents(path: Path) -> list[dict]:
    """Return the YAML documents of a file."""
    return list(yaml.safe_load_all(path.read_text(encoding="utf-8")))


def one(path: Path) -> dict:
    """Return the only YAML document of a file."""
    (document,) = documents(path)
    return document


RAYJOB = one(DEPLOY / "ray" / "rayjob.yaml")
CRONJOB = one(DEPLOY / "kubernetes" / "cronjob.yaml")
COMPOSE = one(DEPLOY / "compose.yaml")
SKY = one(DEPLOY / "skypilot" / "sweep.yaml")


def after_module(command: str) -> list[str]:
    """Return the overrides behind `-m pipeline.sweep` in a shell command."""
    words = shlex.split(command)
    return words[words.index("pipeline.sweep") + 1 :]


def systemd_unit(name: str) -> configparser.ConfigParser:
    """Read a unit file; option names keep their case."""
    unit = configparser.ConfigParser(interpolation=None)
    unit.optionxform = str  # type: ignore[assignment,method-assign]
    unit.read(DEPLOY / "systemd" / name, encoding="utf-8")
    return unit


def cron_words() -> list[str]:
    """Return the overrides of the cron line."""
    line = (DEPLOY / "systemd" / "crontab").read_text(encoding="utf-8").splitlines()[-1]
    return after_module(line.partition(" >>")[0])


def slurm_words() -> list[str]:
    """Return the overrides of the example in the Slurm script's header."""
    script = (DEPLOY / "slurm" / "sweep.sbatch").read_text(encoding="utf-8")
    (example,) = re.findall(r"sbatch deploy/slurm/sweep.sbatch (.*)", script)
    return ["experiment=nightly", *example.split()]


def hydra_free(words: list[str]) -> list[str]:
    """Leave out what only the Hydra launcher reads."""
    return [word for word in words if not word.startswith("hydra.")]


SWEEPS = {
    "kubernetes": CRONJOB["spec"]["jobTemplate"]["spec"]["template"]["spec"]["containers"][0][
        "args"
    ],
    "ray": after_module(RAYJOB["spec"]["entrypoint"]),
    "compose": COMPOSE["services"]["sweep"]["command"],
    "skypilot": ["experiment=nightly", *SKY["envs"]["SWEEP"].split()],
    "slurm": slurm_words(),
    "systemd": after_module(systemd_unit("capacity-sweep.service")["Service"]["ExecStart"]),
    "cron": cron_words(),
}


@pytest.mark.parametrize("place", SWEEPS)
def test_every_manifest_starts_a_sweep_that_resumes(
    place: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The words compose, and the server and the webhook come from the environment."""
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://tracking.internal:5000")
    monkeypatch.setenv("NOTIFY_URL", "http://hooks.internal/sweep")
    config = compose(hydra_free(SWEEPS[place]))
    assert config.resume == "auto"
    assert config.tracking.uri == "http://tracking.internal:5000"
    assert config.notify.url == "http://hooks.internal/sweep"


@pytest.mark.parametrize("place", sorted(SWEEPS.keys() - {"compose"}))
def test_what_runs_alone_has_a_limit_and_a_registry(place: str) -> None:
    """Nobody watches at night: time is bounded, and the model ends up somewhere."""
    config = compose(hydra_free(SWEEPS[place]))
    assert config.budget.seconds
    assert config.registry.name == "wages"


def test_the_nightly_recipe_needs_no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a server the default store is used, without a webhook nobody is told."""
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    monkeypatch.delenv("NOTIFY_URL", raising=False)
    config = compose(["experiment=nightly"])
    assert config.tracking.uri is None
    assert config.notify.url is None
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "")  # as a launcher hands on a secret that is not set
    monkeypatch.setenv("NOTIFY_URL", "")
    assert compose(["experiment=nightly"]) == config


def test_the_dockerfile_passes_its_linter() -> None:
    """hadolint, with its one exception stated in the file."""
    assert accepted(tool("hadolint"), DEPLOY / "Dockerfile")


def test_the_image_gets_what_the_dockerfile_copies() -> None:
    """The ignore file beside it lets through every source of a COPY."""
    dockerfile = (DEPLOY / "Dockerfile").read_text(encoding="utf-8")
    allowed = {
        line.removeprefix("!")
        for line in (DEPLOY / "Dockerfile.dockerignore").read_text(encoding="utf-8").splitlines()
        if line.startswith("!")
    }
    sources = [
        source
        for words in re.findall(r"^COPY (?!--from)(.+)$", dockerfile, re.MULTILINE)
        for source in words.split()[:-1]
    ]
    assert sources
    for source in sources:
        assert (ROOT / source).exists()
        assert any(source == name or source.startswith(f"{name}/") for name in allowed)


def test_compose_follows_its_specification() -> None:
    """The schema is the compose specification's, as check-jsonschema carries it."""
    checker = tool("check-jsonschema")
    assert accepted(checker, "--builtin-schema", "vendor.compose-spec", DEPLOY / "compose.yaml")


def test_compose_files_and_secrets_are_where_it_says() -> None:
    """Files exist; no password stands in the file, and the port is closed to the network."""
    text = (DEPLOY / "compose.yaml").read_text(encoding="utf-8")
    assert (DEPLOY / COMPOSE["configs"]["make-bucket"]["file"]).is_file()
    secrets = re.findall(r"\w*(?:PASSWORD|SECRET\w*KEY): (.*)", text)
    assert secrets
    assert all(secret.startswith("${") for secret in secrets)
    assert COMPOSE["services"]["mlflow"]["ports"] == ["${BIND:-127.0.0.1}:5000:5000"]


@pytest.mark.parametrize("name", ["namespace.yaml", "cronjob.yaml"])
def test_kubernetes_manifests_follow_the_api(name: str) -> None:
    """Kubernetes' own schema; an unknown field is refused."""
    path = DEPLOY / "kubernetes" / name
    assert accepted(tool("kubernetes-validate"), "--strict", "--quiet", path)


def test_kustomize_builds_the_manifests() -> None:
    """The image is named in one place and reaches the CronJob."""
    run = subprocess.run(
        [tool("kubectl"), "kustomize", DEPLOY / "kubernetes"],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert "image: capacity-sweep:cuda" in run.stdout


def test_the_cronjob_survives_being_taken_away() -> None:
    """Nights do not overlap, SIGTERM gets its time, and only what a retry can mend is retried."""
    job = CRONJOB["spec"]["jobTemplate"]["spec"]
    assert CRONJOB["spec"]["concurrencyPolicy"] == "Forbid"
    assert job["template"]["spec"]["terminationGracePeriodSeconds"] > 20
    config = compose(SWEEPS["kubernetes"])
    assert job["activeDeadlineSeconds"] > config.budget.seconds
    (hopeless,) = (rule for rule in job["podFailurePolicy"]["rules"] if rule["action"] == "FailJob")
    assert hopeless["onExitCodes"]["values"] == [2, 3, 4]


def test_the_rayjob_follows_kuberay() -> None:
    """Outer fields by KubeRay's types; the Ray in the image is the one it announces."""
    schema = json.loads((DEPLOY / "schemas" / "rayjob.json").read_text(encoding="utf-8"))
    jsonschema.validate(RAYJOB, schema)
    lock = (DEPLOY / "locks" / "cpu.lock").read_text(encoding="utf-8")
    assert f"ray=={RAYJOB['spec']['rayClusterSpec']['rayVersion']}\n" in lock


def test_the_pods_of_the_rayjob_follow_the_api(tmp_path: Path) -> None:
    """Each template inside is a pod template of Kubernetes."""
    cluster = RAYJOB["spec"]["rayClusterSpec"]
    templates = [cluster["headGroupSpec"], *cluster["workerGroupSpecs"]]
    pods = tmp_path / "pods.yaml"
    pods.write_text(
        yaml.safe_dump_all(
            {"apiVersion": "v1", "kind": "PodTemplate", "metadata": {"name": "pod"}, **part}
            for part in ({"template": group["template"]} for group in templates)
        )
    )
    assert accepted(tool("kubernetes-validate"), "--strict", "--quiet", pods)


def test_the_skypilot_task_follows_its_schema() -> None:
    """SkyPilot's own schema, kept with its version in deploy/schemas/README.md."""
    schema = json.loads((DEPLOY / "schemas" / "skypilot-task.json").read_text(encoding="utf-8"))
    jsonschema.validate(SKY, schema)


def test_skypilot_itself_reads_the_task(tmp_path: Path) -> None:
    """Where SkyPilot is installed (an environment of its own: SKY_PYTHON), it parses the task."""
    python = os.environ.get("SKY_PYTHON")
    if python is None:
        pytest.skip("SKY_PYTHON names no environment with SkyPilot; the schema was checked")
    program = f"import sky; sky.Task.from_yaml({str(DEPLOY / 'skypilot' / 'sweep.yaml')!r})"
    run = subprocess.run(
        [python, "-c", program], cwd=ROOT, env=os.environ | {"HOME": str(tmp_path)}, check=False
    )
    assert run.returncode == 0


@pytest.mark.parametrize("name", ["capacity-sweep.service", "capacity-sweep.timer"])
def test_systemd_accepts_the_units(name: str, tmp_path: Path) -> None:
    """systemd-analyze, on copies whose program exists on this machine."""
    analyze = tool("systemd-analyze")
    for unit in ("capacity-sweep.service", "capacity-sweep.timer"):
        text = (DEPLOY / "systemd" / unit).read_text(encoding="utf-8")
        text = text.replace("%h/capacity-sweep/.venv/bin/python", sys.executable)
        (tmp_path / unit).write_text(text, encoding="utf-8")
    assert accepted(analyze, "verify", "--man=no", tmp_path / name)


@pytest.fixture
def slurm_job(tmp_path: Path) -> dict[str, str]:
    """Return the environment of a job whose Slurm only writes down what it is asked."""
    (tmp_path / "bin").mkdir()
    scontrol = tmp_path / "bin" / "scontrol"
    scontrol.write_text(f'#!/bin/sh\necho "$@" >> {tmp_path}/asked\n', encoding="utf-8")
    scontrol.chmod(0o755)
    (tmp_path / ".venv" / "bin").mkdir(parents=True)
    path = f"{tmp_path / 'bin'}{os.pathsep}{os.environ['PATH']}"
    return {"PATH": path, "SLURM_SUBMIT_DIR": str(tmp_path), "SLURM_JOB_ID": "7"}


def sweep_stub(job: dict[str, str], body: str) -> list[str | Path]:
    """Put a sweep in place that does what a shell line says; return the job's command."""
    python = Path(job["SLURM_SUBMIT_DIR"], ".venv", "bin", "python")
    python.write_text(f"#!/usr/bin/env bash\n{body}\n", encoding="utf-8")
    python.chmod(0o755)
    return ["bash", DEPLOY / "slurm" / "sweep.sbatch", "data=wages"]


@pytest.mark.parametrize("code", [0, 2, 5])
def test_a_slurm_job_ends_as_its_sweep_does(slurm_job: dict[str, str], code: int) -> None:
    """What is not an interruption is not queued again."""
    run = subprocess.run(sweep_stub(slurm_job, f"exit {code}"), env=slurm_job, check=False)
    assert run.returncode == code
    assert not Path(slurm_job["SLURM_SUBMIT_DIR"], "asked").exists()


def test_a_slurm_job_that_is_warned_queues_itself_again(slurm_job: dict[str, str]) -> None:
    """SIGTERM reaches the sweep, which gets its time; then the job asks for another turn."""
    saved = Path(slurm_job["SLURM_SUBMIT_DIR"], "saved")
    body = (
        f"trap 'sleep 0.3; touch {saved}; exit 143' TERM\n"
        "echo started\nwhile :; do sleep 0.05; done"
    )
    with subprocess.Popen(
        sweep_stub(slurm_job, body), env=slurm_job, stdout=subprocess.PIPE, text=True
    ) as job:
        assert job.stdout is not None
        assert job.stdout.readline() == "started\n"
        job.terminate()
        job.communicate(timeout=20)
    assert job.returncode == 143
    assert saved.exists()
    assert Path(slurm_job["SLURM_SUBMIT_DIR"], "asked").read_text(encoding="utf-8") == "requeue 7\n"


@pytest.mark.parametrize("lock", ["cpu.lock", "cuda.lock", "server.lock"])
def test_an_image_gets_the_versions_that_were_tested(lock: str) -> None:
    """Where an image and the tests share a library they share its version."""

    def pinned(path: Path) -> dict[str, str]:
        requirements = map(Requirement, path.read_text(encoding="utf-8").splitlines())
        return {f"{each.name};{each.marker}": str(each.specifier) for each in requirements}

    tested, shipped = pinned(ROOT / "requirements.lock"), pinned(DEPLOY / "locks" / lock)
    shared = tested.keys() & shipped.keys()
    assert shared
    assert {name: shipped[name] for name in shared} == {name: tested[name] for name in shared}


@pytest.mark.parametrize("page", sorted(DEPLOY.glob("*.md")), ids=lambda page: page.name)
def test_a_page_names_only_files_that_exist(page: Path) -> None:
    """Links and paths below deploy/ in the pages lead somewhere."""
    text = page.read_text(encoding="utf-8")
    named = set(re.findall(r"deploy/[\w./-]*\w", text))
    named |= {f"deploy/{link}" for link in re.findall(r"\]\((?!http|#|\.\.)([^)]+)\)", text)}
    missing = [name for name in sorted(named - {"deploy/.env"}) if not (ROOT / name).exists()]
    assert missing == []
