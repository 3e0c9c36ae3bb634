"""The numbers of the floor, each with its reason. A case may change its own."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field


class TurnTakingSettings(BaseModel):
    """Who may speak when. Seconds unless the name says otherwise."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    # -- what counts as voice
    voice_on_prob: float = Field(0.5, gt=0, lt=1)
    """Silero's own operating point for the start of speech."""
    voice_off_prob: float = Field(0.35, gt=0, lt=1)
    """Lower than the start, so that a weak syllable does not end a word (hysteresis)."""
    onset_s: float = Field(0.04, ge=0.02, le=0.2)
    """Voice this long is an onset; one 20 ms frame may be a click."""
    segment_gap_s: float = Field(0.2, ge=0.1, le=1)
    """A quiet stretch this long ends a stretch of voice: longer than a stop consonant's closure."""

    # -- the learner's turn ends
    judge_after_s: float = Field(0.1, ge=0.04, le=1)
    """Ask Smart Turn. Before the transcription, so that the two do not share the cores."""
    transcribe_after_s: float = Field(0.16, ge=0.06, le=1)
    """Start transcribing: a stop consonant's closure is shorter than this."""
    sure_commit_s: float = Field(0.32, ge=0.2, le=2)
    """A turn that is surely finished is over: a little longer than the pause between two sentences
    read without stopping, which is 0.24 to 0.30 s."""
    commit_after_s: float = Field(0.4, ge=0.2, le=2)
    """A finished turn is over: twice the usual gap."""
    statement_commit_s: float = Field(0.7, ge=0.2, le=4)
    """The same when it did not end with a question. PriMock57's doctors go on themselves after 61 %
    of 517 such ends (after 4 % of 974 questions), and a patient who does answer one takes .36 s in
    the median, .68 s in three of four (`scripts/count_turn_ends.py`)."""
    incomplete_wait_s: float = Field(2.0, ge=0.4, le=10)
    """An unfinished turn is waited for this long: clinicians stop to think."""
    sure_prob: float = Field(0.75, gt=0, lt=1)
    """The turn is surely over: one in thirty turns cut in the middle looks so, six in ten whole
    ones do."""
    complete_prob: float = Field(0.55, gt=0, lt=1)
    """The turn sounds over, by melody and words together (see `turn_end`)."""
    perhaps_prob: float = Field(0.12, gt=0, lt=1)
    """It may be over or not: of the floor bench's 72 turns cut in the middle none lies between .07
    and .24, and its whole ones lie from .08 on."""
    perhaps_wait_s: float = Field(0.8, ge=0.2, le=5)
    """Such a turn is waited for this long: three in four pauses inside a turn are shorter
    (PriMock57's doctors)."""
    longest_span_s: float = Field(24.0, ge=5, le=28)
    """Speech transcribed in one piece; Whisper takes 30 s and needs some room."""
    settle_span_s: float = Field(10.0, ge=3, le=24)
    """Words this far back are not transcribed again when the learner goes on after a pause."""

    # -- the learner speaks over the patient
    duck_after_s: float = Field(0.15, ge=0.04, le=1)
    """Lower the patient's voice: long enough not to be a click, short enough to feel heard."""
    duck_db: float = Field(-12.0, le=0, ge=-40)
    """Plainly quieter and still intelligible."""
    probe_after_s: float = Field(0.3, ge=0.1, le=1)
    """Transcribe what there is, to tell an acknowledgement from a bid for the floor."""
    yield_after_s: float = Field(0.45, ge=0.2, le=2)
    """A bid for the floor: longer than most acknowledgements."""
    together_s: float = Field(0.4, ge=0, le=1)
    """Who begins this soon after her first sound did not begin because of it, nor in spite of it: a
    word takes .6 s from the intention to the sound (Indefrey and Levelt 2004). She gives way all
    the same, but nobody interrupted her."""
    backchannel_max_s: float = Field(1.0, ge=0.4, le=2)
    """Voice longer than this is no acknowledgement, whatever its first words."""
    echo_tail_s: float = Field(0.25, ge=0, le=1)
    """Half duplex: the room still sounds for this long after the patient."""

    # -- nobody speaks
    opening_wait_s: float = Field(4.0, ge=0.5, le=60)
    """The patient speaks first if the learner does not."""
    prompt_after_s: float = Field(9.0, ge=2, le=120)
    """The patient says something into an empty silence; each further prompt waits longer."""
    monologue_s: float = Field(60.0, ge=10, le=600)
    """After this the patient comes in at the learner's next short pause."""

    # -- engines
    hear_timeout_s: float = Field(8.0, gt=0, le=60)
    """No transcript by then: the patient says that she did not catch it."""
    rank_timeout_s: float = Field(0.35, gt=0, le=60)
    """No opinion of the language model on a tie by then: the nearest line is said."""
    improvise_timeout_s: float = Field(0.5, gt=0, le=60)
    """No line of the language model's own by then: the authored fallback is said."""
    say_timeout_s: float = Field(8.0, gt=0, le=60)
    """No speech by then: the clause is given up and the record says so."""

    # -- phantoms
    min_level_dbfs: float = Field(-55.0, ge=-96, le=0)
    """Quieter than a whisper at a headset: not the learner."""
    min_voice_s: float = Field(0.1, ge=0.02, le=1)
    """Shorter than any word."""
