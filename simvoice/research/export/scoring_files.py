"""The line formats of speech scoring tools: RTTM (who speaks when) and CTM (words with times)."""

from __future__ import annotations

from simvoice.research.analysis.conversation import Conversation

_CHANNELS = {"learner": "1", "patient": "2"}


def to_rttm(found: Conversation) -> bytes:
    """Every stretch of speech, acknowledgements included; noise not.

    Source: NIST, "The 2009 (RT-09) Rich Transcription Meeting Recognition Evaluation Plan",
    appendix A.
    """
    lines = [
        f"SPEAKER {found.id} {_CHANNELS[s.who]} {s.start_s:.3f} {s.end_s - s.start_s:.3f} "
        f"<NA> <NA> {s.who} <NA> <NA>"
        for s in found.stretches
        if s.kind != "noise"
    ]
    return _joined(lines)


def to_ctm(found: Conversation) -> bytes:
    """Words by channel (1 the learner, 2 the patient), then time; the confidence where the word
    was recognised. Source: NIST sclite."""
    ordered = sorted(found.words, key=lambda w: (_CHANNELS[w.who], w.start_s, w.end_s))
    lines = []
    for word in ordered:
        text = "_".join(word.text.split())
        sure = "" if word.prob is None else f" {word.prob:.3f}"
        lines.append(
            f"{found.id} {_CHANNELS[word.who]} {word.start_s:.3f} "
            f"{word.end_s - word.start_s:.3f} {text}{sure}"
        )
    return _joined(lines)


def _joined(lines: list[str]) -> bytes:
    return "".join(f"{line}\n" for line in lines).encode("utf-8")
