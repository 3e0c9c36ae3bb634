"""The wheel alone works: it carries what the checkout keeps outside the package."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def site_packages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built and unpacked where nothing of the checkout is near."""
    built = tmp_path_factory.mktemp("dist")
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(built)],
        cwd=ROOT,
        capture_output=True,
        check=True,
    )
    unpacked = tmp_path_factory.mktemp("site-packages")
    with zipfile.ZipFile(next(built.glob("simvoice-*.whl"))) as wheel:
        wheel.extractall(unpacked)
    return unpacked


def ask(site_packages: Path, code: str) -> str:
    ours = ("SIMVOICE", "XDG_DATA_HOME")
    environment = {k: v for k, v in os.environ.items() if not k.startswith(ours)}
    done = subprocess.run(
        [
            sys.executable,
            "-I",
            "-c",
            f"import sys; sys.path.insert(0, {str(site_packages)!r}); {code}",
        ],
        cwd=site_packages,
        env={**environment, "HOME": str(site_packages / "home")},
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.strip()


def test_the_manifest_in_the_wheel_is_read(site_packages: Path) -> None:
    code = (
        "from simvoice import paths; from simvoice.models import manifest; sys.stdout.write("
        "f'{manifest.profile()[\"voice\"]} {paths.manifest_file()} {paths.models_dir()}')"
    )
    voice, manifest, folder = ask(site_packages, code).split()
    assert voice == "piper-joe"
    assert Path(manifest).is_relative_to(site_packages)
    assert Path(folder).is_relative_to(site_packages / "home")


def test_the_cases_are_in_the_wheel(site_packages: Path) -> None:
    code = "from simvoice import paths; sys.stdout.write(str(paths.scenarios_dir()))"
    carried = Path(ask(site_packages, code))
    assert carried.is_relative_to(site_packages)
    names = {path.name for path in (ROOT / "scenarios").iterdir()}
    assert {path.name for path in carried.iterdir()} == names


def test_no_weights_are_in_the_wheel(site_packages: Path) -> None:
    assert [p for p in site_packages.rglob("*") if p.suffix in {".bin", ".gguf", ".onnx"}] == []


def test_every_data_file_of_the_package_is_in_the_wheel(site_packages: Path) -> None:
    listed = subprocess.run(
        ["git", "ls-files", "simvoice"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    missing = [name for name in listed.stdout.split() if not (site_packages / name).exists()]
    assert missing == []
