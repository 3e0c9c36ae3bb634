"""The models of a profile: here, missing or altered, file by file."""

from __future__ import annotations

from simvoice.checkup.result import Check, Fact
from simvoice.errors import ModelAltered, ModelMissing
from simvoice.models import manifest


def check_models(profile: str = manifest.DEFAULT_PROFILE) -> list[Check]:
    """One check a model. Raises SettingError for an unknown profile."""
    return [check_model(name) for name in dict.fromkeys(manifest.profile(profile).values())]


def check_model(name: str) -> Check:
    """A file is hashed when it was never, or has changed since."""
    entry = manifest.model(name)
    title = f"model {name}"
    try:
        manifest.locate(name)
    except (ModelMissing, ModelAltered):
        files = _files(name)
        bad = [f"{file} is {state}" for file, state in files.items() if state != "here"]
        return Check(
            title, "fail", "; ".join(bad), f"run: {manifest.remedy(name)}", _facts(name, files)
        )
    files = dict.fromkeys((file.name for file in entry.files), "here")
    sentence = f"here and verified, {entry.bytes / 1e6:.0f} MB"
    return Check(title, "ok", sentence, facts=_facts(name, files))


def _facts(name: str, files: dict[str, str]) -> dict[str, Fact]:
    said: dict[str, Fact] = dict(files)
    return {"role": manifest.model(name).role, "folder": str(manifest.folder(name)), "files": said}


def _files(name: str) -> dict[str, str]:
    found = {}
    for file in manifest.model(name).files:
        path = manifest.folder(name) / file.name
        if not path.is_file():
            found[file.name] = "missing"
        elif path.stat().st_size != file.bytes or manifest.sha256_of(path) != file.sha256:
            found[file.name] = "altered"
        else:
            found[file.name] = "here"
    return found
