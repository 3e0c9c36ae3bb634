"""The turn-taking settings, each with its reason. A case may change them."""

from __future__ import annotations

from pydantic import Field

from simvoice.strict_model import StrictModel


class TurnTakingSettings(StrictModel):
    """When each speaker may take the turn. Values are seconds unless the name says otherwise."""

    # -- what counts as voice
    voice_on_prob: float = Field(0.5, gt=0, lt=1)
    """Silero's own operating point for the start of speech."""
    voice_off_prob: float = Field(0.35, gt=0, lt=1)
    """Below `voice_on_prob` (hysteresis), so that a weak syllable does not end a word."""
    onset_s: float = Field(0.04, ge=0.02, le=0.2)
    """Minimum length of voice for an onset; a single 20 ms frame may be a click."""
    segment_gap_s: float = Field(0.2, ge=0.1, le=1)
    """Quiet time that ends a stretch of voice: longer than the closure of a stop consonant."""

    # -- the learner's turn ends
    judge_after_s: float = Field(0.1, ge=0.04, le=1)
    """Quiet time before Smart Turn is asked. It comes before transcription, so that the two do not
    compete for the cores."""
    transcribe_after_s: float = Field(0.16, ge=0.06, le=1)
    """Quiet time before transcription starts: longer than the closure of a stop consonant."""
    sure_commit_s: float = Field(0.32, ge=0.2, le=2)
    """Quiet time that ends a turn which is surely finished: slightly longer than the pause between
    two sentences read without stopping, which is 0.24 to 0.30 s."""
    commit_after_s: float = Field(0.4, ge=0.2, le=2)
    """Quiet time that ends a finished turn: twice the usual gap."""
    statement_commit_s: float = Field(0.7, ge=0.2, le=4)
    """The same after a turn that did not end with a question. PriMock57's doctors continue after
    61 % of 517 such ends (after 4 % of 974 questions). A patient who answers one takes 0.36 s
    (median) or 0.68 s (third quartile); see `scripts/count_turn_ends.py`."""
    incomplete_wait_s: float = Field(2.0, ge=0.4, le=10)
    """Quiet time that ends an unfinished turn: clinicians stop to think."""
    sure_prob: float = Field(0.75, gt=0, lt=1)
    """From this probability on the turn is surely over. One in thirty turns cut in the middle
    reaches it, and six in ten whole turns do."""
    complete_prob: float = Field(0.55, gt=0, lt=1)
    """From this probability on the turn is over, by melody and words together; see
    `end_of_turn.over_prob`."""
    perhaps_prob: float = Field(0.12, gt=0, lt=1)
    """From this probability on the turn may be over. Of the floor bench's 72 turns cut in the
    middle none is between .07 and .24; its whole turns start at .08."""
    perhaps_wait_s: float = Field(0.8, ge=0.2, le=5)
    """Quiet time that ends a turn which may be over: three in four pauses inside a turn are
    shorter (PriMock57's doctors)."""
    longest_span_s: float = Field(24.0, ge=5, le=28)
    """Longest speech that is transcribed in one piece; Whisper accepts 30 s and needs a margin."""
    settle_span_s: float = Field(10.0, ge=3, le=24)
    """When the learner continues after a pause, a span from this length on is not transcribed
    again."""

    # -- the learner speaks over the patient
    duck_after_s: float = Field(0.15, ge=0.04, le=1)
    """Overlap before the patient's voice is lowered: longer than a click, and short enough for the
    learner to notice a reaction."""
    duck_db: float = Field(-12.0, le=0, ge=-40)
    """Clearly quieter, and still intelligible."""
    probe_after_s: float = Field(0.3, ge=0.1, le=1)
    """Overlap before it is transcribed, to tell an acknowledgement from a bid for the turn."""
    yield_after_s: float = Field(0.45, ge=0.2, le=2)
    """Overlap that counts as a bid for the turn: longer than most acknowledgements."""
    together_s: float = Field(0.4, ge=0, le=1)
    """A learner who starts this soon after the patient's first sound started independently of it: a
    word takes 0.6 s from intention to sound (Indefrey and Levelt 2004). The patient gives way, but
    the record notes a simultaneous start instead of an interruption."""
    backchannel_max_s: float = Field(1.0, ge=0.4, le=2)
    """Voice longer than this is not an acknowledgement, whatever its first words are."""
    echo_tail_s: float = Field(0.25, ge=0, le=1)
    """Half duplex: the room echoes for this long after the patient's voice ends."""

    # -- no one speaks
    opening_wait_s: float = Field(4.0, ge=0.5, le=60)
    """The patient speaks first when the learner has not spoken by then."""
    prompt_after_s: float = Field(9.0, ge=2, le=120)
    """Silence after which the patient speaks; each further prompt waits longer."""
    monologue_s: float = Field(60.0, ge=10, le=600)
    """After a turn this long the patient speaks at the learner's next short pause."""

    # -- engines
    hear_timeout_s: float = Field(8.0, gt=0, le=60)
    """Without a transcript by then the patient says that the words were not understood."""
    rank_timeout_s: float = Field(0.35, gt=0, le=60)
    """Without the language model's ranking of tied lines by then the nearest line is said."""
    improvise_timeout_s: float = Field(0.5, gt=0, le=60)
    """Without a line from the language model by then the authored fallback is said."""
    say_timeout_s: float = Field(8.0, gt=0, le=60)
    """Without synthesised speech by then the clause is skipped, and the record says so."""

    # -- sound that is not the learner
    min_level_dbfs: float = Field(-55.0, ge=-96, le=0)
    """Sound below this is quieter than a whisper at a headset: not the learner."""
    min_voice_s: float = Field(0.1, ge=0.02, le=1)
    """Voice below this is shorter than any word."""
