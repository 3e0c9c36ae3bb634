"""The manifest that comes with simvoice, and the rules for a manifest."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import ValidationError

from simvoice.errors import SettingError
from simvoice.models import manifest

REAL = Path(__file__).parents[2] / "models" / "manifest.toml"


@pytest.fixture
def broken(tmp_path: Path) -> Path:
    return tmp_path / "manifest.toml"


def test_the_manifest_of_the_repository_is_in_use() -> None:
    assert manifest.manifest() == manifest.manifest(REAL)


def test_every_profile_names_a_model_for_every_role() -> None:
    assert set(manifest.manifest().profiles) == {"embedded", "workstation", "studio"}
    for name in manifest.manifest().profiles:
        roles = manifest.profile(name)
        assert set(roles) == set(manifest.ROLES)
        assert all(role in manifest.model(chosen).roles for role, chosen in roles.items())


def test_the_embedded_profile_is_at_most_a_gigabyte() -> None:
    assert sum(manifest.model(name).bytes for name in manifest.profile().values()) <= 1e9


def test_the_embedded_profile_needs_only_the_package_index_and_asks_the_hub_first() -> None:
    files = [file for name in manifest.profile().values() for file in manifest.model(name).files]
    assert {file.sources for file in files} == {("hub", "wheels")}


def test_the_files_of_a_model_come_from_one_revision_of_the_hub() -> None:
    for entry in manifest.manifest().models.values():
        places = {(file.hub.repo, file.hub.revision) for file in entry.files if file.hub}
        assert len(places) == 1


def test_no_two_models_share_weights() -> None:
    weights = [entry.files[0].sha256 for entry in manifest.manifest().models.values()]
    assert len(set(weights)) == len(weights)


def test_digests_name_the_weights_by_role() -> None:
    assert manifest.digests(["whisper-tiny.en", "piper-joe"]) == {
        "stt": "1a5afae06a4db91c975c9a9d78be5cc110ee4ea022ad57d55492e4550e936b2a",
        "voice": "58afce0321b8d9c46d7cdf9c16500cc55a793b4220212dba6b70fb788b3baf06",
    }


def test_an_unknown_model_is_an_error_that_lists_the_models() -> None:
    with pytest.raises(SettingError, match=r"no model 'whisper'.*whisper-tiny\.en"):
        manifest.locate("whisper")


def test_an_unknown_profile_is_an_error_that_lists_the_profiles() -> None:
    with pytest.raises(SettingError, match=r"no profile 'big'.*embedded, workstation, studio"):
        manifest.profile("big")


def test_a_missing_manifest_is_an_error_with_a_remedy(broken: Path) -> None:
    with pytest.raises(SettingError, match="is missing; install simvoice again"):
        manifest.manifest(broken)


def test_a_manifest_that_is_not_toml_is_an_error(broken: Path) -> None:
    broken.write_text("format = = 1")
    with pytest.raises(SettingError, match="is not TOML"):
        manifest.manifest(broken)


@pytest.mark.parametrize(
    ("wrong", "right", "message"),
    [
        ("format = 2", "format = 1", "format"),
        ('name = "../model.bin"', 'name = "model.bin"', "files.0.name"),
        ('sha256 = "1A5', 'sha256 = "1a5', "files.0.sha256"),
        ('stt = "piper-joe"', 'stt = "whisper-tiny.en"', "piper-joe is no model for stt"),
        ('revision = "main"', f'revision = "{"536b0662742c02347bc0e980a01041f333bce120"}"', "hub"),
        ("notes = 1\nformat = 1", "format = 1", "notes"),
        ('"pipecat-ai==1.14.1"', '"pipecat-ai==1.14.0"', r"in \[wheels\] differ"),
    ],
)
def test_a_broken_manifest_is_an_error_that_names_the_field(
    broken: Path, wrong: str, right: str, message: str
) -> None:
    text = REAL.read_text()
    assert right in text
    broken.write_text(text.replace(right, wrong, 1))
    with pytest.raises(SettingError, match=message):
        manifest.manifest(broken)


def test_a_file_without_a_source_is_refused(broken: Path) -> None:
    lines = REAL.read_text().splitlines()
    broken.write_text("\n".join(line for line in lines if not line.startswith("hub = ")))
    with pytest.raises(SettingError, match="needs a source: hub, wheels or npm"):
        manifest.manifest(broken)


@pytest.mark.parametrize(
    "package", ["kokoro-js", "kokoro-js==1.2.1", "../x@1.0", "@x@1.0", "x@latest"]
)
def test_an_npm_package_without_a_name_and_a_version_is_refused(package: str) -> None:
    with pytest.raises(ValidationError):
        manifest.TarballPart(package=package, member="package/x")
    manifest.TarballPart(package="@some-one/kokoro.js@1.2.1-rc.1", member="package/x")
