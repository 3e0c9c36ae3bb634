"""Checks of the style without a browser: contrast, and no resources from other hosts."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import simvoice.web

WEB = Path(simvoice.web.__file__).parent
CSS = (WEB / "static" / "simvoice.css").read_text()


def palette(scheme: str) -> dict[str, str]:
    """Return the custom colours of the light or the dark scheme."""
    light, _, rest = CSS.partition("@media (prefers-color-scheme: dark)")
    part = light if scheme == "light" else rest.partition("*,")[0]
    return dict(re.findall(r"--([a-z-]+): (#[0-9a-f]{6});", part))


def luminance(colour: str) -> float:
    """Return the relative luminance of a colour (WCAG 2.2)."""
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(a: str, b: str) -> float:
    high, low = sorted((luminance(a), luminance(b)), reverse=True)
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("ground", ["paper", "sheet", "wash"])
@pytest.mark.parametrize("ink", ["ink", "soft", "accent", "patient"])
def test_text_has_enough_contrast(scheme: str, ground: str, ink: str) -> None:
    colours = palette(scheme)
    assert contrast(colours[ink], colours[ground]) >= 4.5


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_buttons_faults_and_borders_have_enough_contrast(scheme: str) -> None:
    colours = palette(scheme)
    assert contrast(colours["on-accent"], colours["accent"]) >= 4.5
    assert contrast(colours["on-accent"], colours["accent-over"]) >= 4.5
    assert contrast(colours["warn"], colours["warn-wash"]) >= 4.5
    assert contrast(colours["warn"], colours["paper"]) >= 4.5
    assert contrast(colours["strong-line"], colours["paper"]) >= 3.0
    assert contrast(colours["strong-line"], colours["sheet"]) >= 3.0


@pytest.mark.parametrize("path", sorted((WEB / "static").iterdir()), ids=lambda path: path.name)
def test_no_static_file_names_another_host(path: Path) -> None:
    text = path.read_text().replace("http://www.w3.org/2000/svg", "")
    assert not re.search(r"(https?:)?//[a-z0-9-]+\.[a-z]{2,}", text)


@pytest.mark.parametrize("path", sorted((WEB / "templates").iterdir()), ids=lambda path: path.name)
def test_no_template_names_another_host_or_has_inline_code(path: Path) -> None:
    text = path.read_text()
    assert "//" not in text
    assert not re.search(r"\son[a-z]+=", text)
    assert "|safe" not in text
