"""Measure how soon each page of the hub is painted, and how far its parts move afterwards.

    python -m tests.hub.pages.paint [--rounds 5]

Prints a line for each page: the processor time that making it takes, the median and the largest
first contentful paint, all in milliseconds, and the largest layout shift (a sum without unit; 0.1
counts as good, source: web.dev/cls). The browser is on the same machine as the server, and each
round opens a window without a cache. Times of paint depend on what else runs on the machine, so no
test compares them; the processor time depends on it less.
"""

from __future__ import annotations

import argparse
import shutil
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import httpx

from tests.hub.pages.served import Page, ServedTown, all_pages, served_town

SIZES = {"laptop": (1366, 768), "phone": (390, 844)}

WATCH = """
globalThis.shift = 0;
new PerformanceObserver((list) => {
  for (const each of list.getEntries()) globalThis.shift += each.value;
}).observe({ type: "layout-shift", buffered: true });
"""
PAINTED = """() => new Promise((resolve) => {
  const look = () => {
    const [paint] = performance.getEntriesByName("first-contentful-paint");
    if (paint) setTimeout(() => resolve([paint.startTime, globalThis.shift]), 500);
    else setTimeout(look, 10);
  };
  look();
})"""


def measure(browser: Any, served: ServedTown, page: Page, size: tuple[int, int]) -> list[float]:
    """Return first contentful paint in milliseconds and layout shift of one visit."""
    context = browser.new_context(viewport={"width": size[0], "height": size[1]})
    if page.login:
        context.add_cookies([served.cookie(page.login)])
    tab = context.new_page()
    tab.add_init_script(WATCH)
    tab.goto(served.address + page.path)
    found: list[float] = tab.evaluate(PAINTED)
    context.close()
    return found


def processor_ms(served: ServedTown, page: Page) -> float:
    """Return the processor time of one request in milliseconds, the client's own included."""
    cookie = served.cookie(page.login) if page.login else None
    jar = {cookie["name"]: cookie["value"]} if cookie else None
    times: list[float] = []
    with httpx.Client(cookies=jar, headers={"accept": "text/html"}) as client:
        for _ in range(6):  # the first one fills caches
            began_s = time.process_time()
            client.get(served.address + page.path)
            times.append(1000.0 * (time.process_time() - began_s))
    return statistics.median(times[1:])


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=5)
    rounds = parser.parse_args().rounds
    from playwright.sync_api import sync_playwright

    chromium = shutil.which("chromium")
    with (
        tempfile.TemporaryDirectory() as folder,
        served_town(Path(folder)) as served,
        sync_playwright() as playwright,
    ):
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        out = sys.stdout
        out.write("page | window | processor ms | FCP median ms | FCP largest ms | layout shift\n")
        worst_ms = worst_shift = 0.0
        medians: list[float] = []
        for page in all_pages(served.town):
            made_ms = processor_ms(served, page)
            for window, size in SIZES.items():
                visits = [measure(browser, served, page, size) for _ in range(rounds + 1)][1:]
                paints, shifts = zip(*visits, strict=True)
                median = statistics.median(paints)
                medians.append(median)
                worst_ms, worst_shift = max(worst_ms, median), max(worst_shift, *shifts)
                figures = f"{median:.0f} | {max(paints):.0f} | {max(shifts):.4f}"
                out.write(f"{page.name} | {window} | {made_ms:.0f} | {figures}\n")
                out.flush()
        all_pages_ms = statistics.median(medians)
        out.write(
            f"all: median {all_pages_ms:.0f} ms, slowest page {worst_ms:.0f} ms, "
            f"largest shift {worst_shift:.4f}\n"
        )
        browser.close()


if __name__ == "__main__":
    main()
