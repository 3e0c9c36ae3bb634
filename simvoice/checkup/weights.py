"""The models of a profile: here, missing or altered, file by file."""

from __future__ import annotations

from simvoice import models
from simvoice.checkup.result import Check, Fact
from simvoice.errors import ModelAltered, ModelMissing


def check_models(profile: str = models.DEFAULT_PROFILE) -> list[Check]:
    """One check a model. Raises SettingError for an unknown profile."""
    return [check_model(name) for name in dict.fromkeys(models.profile(profile).values())]


def check_model(name: str) -> Check:
    """A file is hashed when it was never, or has changed since."""
    entry = models.model(name)
    title = f"model {name}"
    try:
        models.locate(name)
    except (ModelMissing, ModelAltered):
        files = _files(name)
        bad = [f"{file} is {state}" for file, state in files.items() if state != "here"]
        return Check(
            title, "fail", "; ".join(bad), f"run: {models.remedy(name)}", _facts(name, files)
        )
    files = dict.fromkeys((file.name for file in entry.files), "here")
    sentence = f"here and verified, {entry.bytes / 1e6:.0f} MB"
    return Check(title, "ok", sentence, facts=_facts(name, files))


def _facts(name: str, files: dict[str, str]) -> dict[str, Fact]:
    said: dict[str, Fact] = dict(files)
    return {"role": models.model(name).role, "folder": str(models.folder(name)), "files": said}


def _files(name: str) -> dict[str, str]:
    found = {}
    for file in models.model(name).files:
        path = models.folder(name) / file.name
        if not path.is_file():
            found[file.name] = "missing"
        elif path.stat().st_size != file.bytes or models.sha256_of(path) != file.sha256:
            found[file.name] = "altered"
        else:
            found[file.name] = "here"
    return found
