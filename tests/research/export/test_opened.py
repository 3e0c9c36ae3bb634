"""The export is opened with R and with Praat, where they are installed."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from simvoice.research.analysis.conversation import Conversation
from simvoice.research.export.annotations import tiers_of

needs_r = pytest.mark.skipif(shutil.which("Rscript") is None, reason="R is not installed")
needs_praat = pytest.mark.skipif(shutil.which("praat") is None, reason="Praat is not installed")

IN_R = """
folder <- commandArgs(trailingOnly = TRUE)[1]
about <- paste(readLines(file.path(folder, "datapackage.json"), encoding = "UTF-8"), collapse = "")
for (path in list.files(file.path(folder, "tables"), "csv$", full.names = TRUE)) {
  table <- read.csv(path, encoding = "UTF-8")
  cat(basename(path), nrow(table), paste(names(table), collapse = ","), "\\n")
  stopifnot(grepl(paste0("tables/", basename(path)), about, fixed = TRUE))
}
long <- read.csv(file.path(folder, "tables", "metrics_long.csv"), encoding = "UTF-8")
wide <- read.csv(file.path(folder, "tables", "metrics_wide.csv"), encoding = "UTF-8")
stopifnot(is.numeric(long$value), sum(is.na(long$value)) == sum(long$reason != ""))
share <- merge(subset(long, metric == "talk_share"), wide[, c("conversation", "talk_share")])
stopifnot(isTRUE(all.equal(share$value, share$talk_share)), nrow(share) == nrow(wide))
"""

IN_PRAAT = """
form Read
  sentence grid x
endform
Read from file: grid$
tiers = Get number of tiers
for tier to tiers
  name$ = Get tier name: tier
  count = Get number of intervals: tier
  labelled = 0
  for i to count
    label$ = Get label of interval: tier, i
    if label$ <> ""
      labelled += 1
    endif
  endfor
  appendInfoLine: name$, "=", labelled
endfor
"""


def run(*words: str) -> str:
    done = subprocess.run(words, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.slow
@needs_r
def test_r_reads_every_table_with_base_functions(folder: Path, tmp_path: Path) -> None:
    script = tmp_path / "read.R"
    script.write_text(IN_R, encoding="utf-8")
    output = dict(re.findall(r"^(\w+)\.csv (\d+) ", run("Rscript", str(script), str(folder)), re.M))
    for path in (folder / "tables").glob("*.csv"):
        assert path.stem in output
    assert int(output["metrics_wide"]) == 2
    assert int(output["metrics_long"]) == 2 * int(output["codebook"])


@pytest.mark.slow
@needs_praat
def test_praat_finds_every_label_of_every_tier(
    folder: Path, both: list[Conversation], tmp_path: Path
) -> None:
    script = tmp_path / "count.praat"
    script.write_text(IN_PRAAT, encoding="utf-8")
    for found in both:
        output = run("praat", "--run", str(script), str(folder / "praat" / f"{found.id}.TextGrid"))
        counts = {name: int(n) for name, n in re.findall(r"^(.+)=(\d+)$", output, re.M)}
        assert set(counts) >= {"learner speech", "patient speech"}
        for tier in tiers_of(found):
            assert counts[tier.name] == len([x for x in tier.labels if x.text]), tier.name
