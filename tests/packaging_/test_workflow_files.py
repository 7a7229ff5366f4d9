"""The workflows: rules that hold for each job. `dev.py tryout workflow` runs the linters, which need a download."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

yaml = pytest.importorskip("yaml", reason="PyYAML is not installed")

ROOT = Path(__file__).resolve().parents[2]
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))


def jobs() -> Iterator[Any]:
    for file in WORKFLOWS:
        for name, job in yaml.safe_load(file.read_text(encoding="utf-8"))["jobs"].items():
            yield pytest.param(job, id=f"{file.stem}-{name}")


@pytest.mark.parametrize("file", WORKFLOWS, ids=lambda file: file.name)
def test_a_workflow_may_do_nothing_that_a_job_does_not_ask_for(file: Path) -> None:
    workflow = yaml.safe_load(file.read_text(encoding="utf-8"))
    assert workflow["permissions"] == {}
    assert "concurrency" in workflow
    assert "pull_request_target" not in workflow[True]  # YAML reads "on" as a truth


@pytest.mark.parametrize("job", list(jobs()))
def test_a_job_ends_in_time_and_trusts_only_what_is_pinned(job: dict[str, Any]) -> None:
    assert job["timeout-minutes"] <= 240
    assert job["permissions"]
    for step in job["steps"]:
        if "uses" in step:
            assert re.fullmatch(r"[\w.-]+/[\w./-]+@[0-9a-f]{40}", step["uses"])
        if "checkout" in step.get("uses", ""):
            assert step["with"]["persist-credentials"] is False


@pytest.mark.parametrize("job", list(jobs()))
def test_a_script_is_never_put_together_from_an_expression(job: dict[str, Any]) -> None:
    for step in job["steps"]:
        assert "${{" not in step.get("run", "")


@pytest.mark.parametrize("job", list(jobs()))
def test_every_script_that_a_job_runs_is_there(job: dict[str, Any]) -> None:
    for step in job["steps"]:
        for script in re.findall(r"packaging/[\w./-]+\.(?:py|sh|yml)", step.get("run", "")):
            assert (ROOT / script).is_file(), script


def test_each_system_tries_the_app_that_it_built() -> None:
    release = yaml.safe_load((ROOT / ".github" / "workflows" / "release.yml").read_text(encoding="utf-8"))
    for system in ("linux", "windows", "macos"):
        scripts = " ".join(step.get("run", "") for step in release["jobs"][system]["steps"])
        build, tried = scripts.index("dev.py bundle"), scripts.index("try_app.py")
        assert build < tried < scripts.index("collect.py")
    assert set(release["jobs"]["draft"]["needs"]) == release["jobs"].keys() - {"draft"}


@pytest.mark.parametrize("job", list(jobs()))
def test_the_shell_understands_every_script(job: dict[str, Any]) -> None:
    for step in job["steps"]:
        if "run" in step and step.get("shell", "bash") == "bash":
            read = subprocess.run(["bash", "-n"], input=step["run"], capture_output=True, text=True, check=False)
            assert read.returncode == 0, read.stderr
