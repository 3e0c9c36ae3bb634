"""What scripts/start and scripts/test print and do when something is missing."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SCRIPTS = ["scripts/setup.sh", "scripts/start", "scripts/test", "scripts/lock", ".ci/run"]

# The programs that the scripts themselves need: a test's PATH holds these and nothing else.
BASICS = ["bash", "env", "dirname", "sed", "grep", "cat", "rm", "getconf", "id"]


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """Return a clone with the scripts and locks in it and nothing set up."""
    clone = tmp_path / "clone"
    clone.mkdir()
    for name in ("scripts", ".ci"):
        shutil.copytree(ROOT / name, clone / name)
    for name in ("requirements.lock", "requirements-dev.lock", "pyproject.toml"):
        shutil.copy(ROOT / name, clone / name)
    return clone


@pytest.fixture
def bin_dir(tmp_path: Path) -> Path:
    """Return the folder that is the whole PATH of a machine with nothing installed."""
    folder = tmp_path / "bin"
    folder.mkdir()
    for name in BASICS:
        found = shutil.which(name)
        assert found is not None
        (folder / name).symlink_to(found)
    return folder


def command(folder: Path, name: str, body: str) -> None:
    """Write a small program into a folder of the PATH."""
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/bash\n{body}\n")
    path.chmod(0o755)


def environment(checkout: Path, body: str) -> None:
    """Write a .venv whose python runs `body`; `$*` holds its arguments."""
    command(checkout / ".venv" / "bin", "python", body)


def run(
    checkout: Path, bin_dir: Path, script: str, *args: str, **env: str
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(bin_dir / "bash"), script, *args],
        cwd=checkout,
        env={"PATH": str(bin_dir), "HOME": str(checkout), **env},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.mark.parametrize("script", SCRIPTS)
def test_every_script_is_valid_bash(script: str) -> None:
    subprocess.run(["bash", "-n", str(ROOT / script)], check=True)


@pytest.mark.parametrize("script", ["scripts/start", "scripts/test", ".ci/run"])
def test_every_command_is_executable(script: str) -> None:
    assert os.access(ROOT / script, os.X_OK)


def test_a_machine_without_python_gets_a_sentence(checkout: Path, bin_dir: Path) -> None:
    done = run(checkout, bin_dir, "scripts/start")
    assert done.returncode == 3
    assert "simvoice needs Python 3.11 or newer; found: no Python. Install it" in done.stderr


def test_an_old_python_is_named(checkout: Path, bin_dir: Path) -> None:
    old = 'case "$*" in --version) echo "Python 3.9.2" ;; *) exit 1 ;; esac'
    command(bin_dir, "python3", old)
    done = run(checkout, bin_dir, "scripts/start")
    assert done.returncode == 3
    assert "simvoice needs Python 3.11 or newer; found: Python 3.9.2. Install it" in done.stderr
    assert not (checkout / ".venv").exists()


def test_a_python_without_venv_names_the_package(checkout: Path, bin_dir: Path) -> None:
    command(bin_dir, "python3", 'case "$*" in *ensurepip*) exit 1 ;; esac')
    done = run(checkout, bin_dir, "scripts/start")
    assert done.returncode == 3
    assert "apt-get install python3-venv" in done.stderr


def test_without_a_compiler_the_package_is_named_before_anything_is_installed(
    checkout: Path, bin_dir: Path
) -> None:
    environment(
        checkout,
        f'echo "$*" >>"{checkout}/asked"\n'
        'case "$*" in *hashlib*) echo wanted ;; *metadata*) exit 1 ;; esac',
    )
    done = run(checkout, bin_dir, "scripts/start")
    assert done.returncode == 3
    assert "simvoice needs a C++ compiler to build llama-cpp-python. Install one" in done.stderr
    assert "apt-get install g++" in done.stderr
    assert "pip install" not in (checkout / "asked").read_text()


def test_no_compiler_is_needed_when_the_library_is_installed(checkout: Path, bin_dir: Path) -> None:
    locked = (checkout / "requirements.lock").read_text()
    version = locked.split("llama-cpp-python==")[1].split()[0]
    environment(
        checkout, f'case "$*" in *hashlib*) echo wanted ;; *metadata*) echo {version} ;; esac'
    )
    command(checkout / ".venv" / "bin", "simvoice", 'echo "$*"')
    done = run(checkout, bin_dir, "scripts/start", "--port", "8123")
    assert done.returncode == 0
    assert done.stdout == "serve --port 8123\n"


def test_a_second_start_installs_nothing(checkout: Path, bin_dir: Path) -> None:
    environment(
        checkout, f'echo "$*" >>"{checkout}/asked"\ncase "$*" in *hashlib*) echo same ;; esac'
    )
    command(checkout / ".venv" / "bin", "simvoice", 'echo "$*"')
    (checkout / ".venv" / "simvoice-requirements.stamp").write_text("same\n")
    done = run(checkout, bin_dir, "scripts/start")
    assert done.returncode == 0
    assert "pip install" not in (checkout / "asked").read_text()
    assert "Installing" not in done.stderr


def test_an_install_that_failed_is_tried_again_by_the_next_start(
    checkout: Path, bin_dir: Path
) -> None:
    broken = (
        f'echo "$*" >>"{checkout}/asked"\n'
        'case "$*" in *hashlib*) echo wanted ;; *"pip install"*) exit 1 ;; esac'
    )
    environment(checkout, broken)
    command(bin_dir, "c++", "true")
    assert run(checkout, bin_dir, "scripts/start").returncode != 0
    assert run(checkout, bin_dir, "scripts/start").returncode != 0
    asked = (checkout / "asked").read_text().splitlines()
    assert len([line for line in asked if "--require-hashes" in line]) == 2


def test_a_missing_portaudio_is_a_note_and_not_an_error(checkout: Path, bin_dir: Path) -> None:
    environment(checkout, 'case "$*" in *hashlib*) echo same ;; *sounddevice*) exit 1 ;; esac')
    command(checkout / ".venv" / "bin", "simvoice", 'echo "$*"')
    (checkout / ".venv" / "simvoice-requirements.stamp").write_text("same\n")
    done = run(checkout, bin_dir, "scripts/start")
    assert done.returncode == 0
    assert "the browser can" in done.stderr
    assert "apt-get install libportaudio2" in done.stderr
    assert done.stdout == "serve\n"


def test_a_start_without_models_does_not_serve(checkout: Path, bin_dir: Path) -> None:
    environment(checkout, 'case "$*" in *hashlib*) echo same ;; esac')
    command(checkout / ".venv" / "bin", "simvoice", 'echo "$*"; [ "$1" = serve ] || exit 3')
    (checkout / ".venv" / "simvoice-requirements.stamp").write_text("same\n")
    done = run(checkout, bin_dir, "scripts/start")
    assert done.returncode == 3
    assert "serve" not in done.stdout


def test_missing_debian_packages_are_named_to_users_who_are_not_root(
    checkout: Path, bin_dir: Path
) -> None:
    command(bin_dir, "c++", "true")
    command(
        bin_dir,
        "dpkg-query",
        'case "$*" in *pulseaudio-utils) exit 1 ;; *) echo "install ok installed" ;; esac',
    )
    (bin_dir / "id").unlink()
    command(bin_dir, "id", "echo 1000")
    done = run(checkout, bin_dir, "scripts/test")
    assert done.returncode == 3
    assert done.stderr.endswith("apt-get install --no-install-recommends pulseaudio-utils\n")


@pytest.mark.parametrize("failing", ["ruff", "mypy", "pytest"])
def test_the_tests_fail_when_one_step_fails(checkout: Path, bin_dir: Path, failing: str) -> None:
    command(bin_dir, "c++", "true")
    environment(checkout, 'case "$*" in *hashlib*) echo same ;; esac')
    (checkout / ".venv" / "simvoice-requirements-dev.stamp").write_text("same\n")
    for name in ("simvoice", "ruff", "mypy", "pytest"):
        command(checkout / ".venv" / "bin", name, f"exit {int(name == failing)}")
    assert run(checkout, bin_dir, ".ci/run").returncode == 1


@pytest.fixture
def pytest_prints(checkout: Path, bin_dir: Path) -> None:
    """Set everything up; pytest only prints CI and its arguments, in brackets."""
    command(bin_dir, "c++", "true")
    environment(checkout, 'case "$*" in *hashlib*) echo same ;; esac')
    (checkout / ".venv" / "simvoice-requirements-dev.stamp").write_text("same\n")
    for name in ("simvoice", "ruff", "mypy"):
        command(checkout / ".venv" / "bin", name, "true")
    command(checkout / ".venv" / "bin", "pytest", 'printf "$CI"; printf " [%s]" "$@"; echo')


@pytest.mark.usefixtures("pytest_prints")
def test_arguments_of_the_tests_reach_pytest(checkout: Path, bin_dir: Path) -> None:
    done = run(checkout, bin_dir, ".ci/run", "-k", "floor")
    assert done.stdout == "true [--numprocesses=0] [-m] [] [-k] [floor]\n"


@pytest.mark.usefixtures("pytest_prints")
def test_without_arguments_two_runs_leave_no_test_out(checkout: Path, bin_dir: Path) -> None:
    shared, alone = run(checkout, bin_dir, ".ci/run").stdout.splitlines()
    marks = "realtime or soundcard or browser"
    assert shared == f"true [-m] [not ({marks})]"
    assert alone == f"true [--numprocesses=0] [-m] [{marks}] [--reruns] [1] [-raR]"
