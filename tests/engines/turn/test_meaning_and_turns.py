"""MiniLM and Smart Turn with their real models."""

from pathlib import Path

import numpy as np
import pytest
import soundfile

from simvoice.audio import RATE
from simvoice.bench import stage
from simvoice.bench.stt import speech_folder
from simvoice.engines.embed.minilm import MiniLM
from simvoice.engines.tts.piper import Piper
from simvoice.engines.turn.end_of_turn import SmartTurn
from simvoice.errors import ModelAltered, ModelMissing
from simvoice.ports import VoiceStyle

engine = pytest.mark.engine


@engine
def test_equal_meaning_is_closer_than_shared_words(minilm: MiniLM) -> None:
    asked, same, other = minilm.embed(
        ["What worries you most?", "What are you most afraid of?", "What time is it most days?"]
    )
    assert asked @ same > asked @ other + 0.1


@engine
def test_a_batch_gives_the_same_vectors_as_single_sentences(minilm: MiniLM) -> None:
    texts = ["Yes.", "I don't know what to say to the children about all of this.", "", "Why me?"]
    texts = texts * 6
    batch = minilm.embed(texts)
    single = np.concatenate([minilm.embed([text]) for text in texts])
    assert np.abs(batch - single).max() < 1e-5
    assert np.linalg.norm(batch, axis=1) == pytest.approx(1.0, abs=1e-5)


@engine
def test_a_known_sentence_has_its_published_vector(minilm: MiniLM) -> None:
    """Compares the first numbers that the code of the model card gives for this sentence."""
    vector = minilm.embed(["This is an example sentence"])[0]
    assert vector[:3] == pytest.approx([0.0676, 0.0635, 0.0487], abs=2e-3)


@engine
def test_no_texts_give_no_rows_and_a_very_long_one_is_cut(minilm: MiniLM) -> None:
    assert minilm.embed([]).shape == (0, 384)
    assert minilm.embed(["word " * 2000]).shape == (1, 384)


def test_a_missing_encoder_names_the_remedy(tmp_path: Path) -> None:
    with pytest.raises(ModelMissing, match="simvoice models pull"):
        MiniLM(tmp_path)


def test_broken_weights_name_the_remedy(tmp_path: Path) -> None:
    (tmp_path / "model.safetensors").write_bytes(b"broken")
    (tmp_path / "tokenizer.json").write_text(
        '{"model": {"type": "BPE", "vocab": {}, "merges": []}}'
    )
    with pytest.raises(ModelAltered, match="simvoice models pull"):
        MiniLM(tmp_path)


@engine
def test_finished_sentences_sound_more_complete_than_their_halves(
    piper: Piper, smart_turn: SmartTurn
) -> None:
    # its 8-bit arithmetic differs between processors, so the test averages many sentences
    ends, halves = [], []
    for text in stage.LONG[:16]:
        said = piper.speak(text, VoiceStyle())
        middle = said.words[len(said.words) // 2].end_s
        tail = np.zeros(round(0.2 * RATE), np.float32)
        ends.append(smart_turn.complete_prob(np.concatenate([said.pcm, tail])))
        cut = said.pcm[: round(middle * RATE)]
        halves.append(smart_turn.complete_prob(np.concatenate([cut, tail])))
    assert np.mean(ends) > np.mean(halves) + 0.2


@engine
def test_read_sentences_sound_finished_at_their_end_and_not_in_the_middle(
    smart_turn: SmartTurn,
) -> None:
    folder = speech_folder()
    if folder is None:
        pytest.skip("no recorded speech here; set SIMVOICE_DATA")
    ends, middles = [], []
    for path in sorted(folder.glob("*.wav")):
        pcm, rate = soundfile.read(path, dtype="float32")
        assert rate == RATE
        ends.append(smart_turn.complete_prob(pcm))
        middles.append(smart_turn.complete_prob(pcm[: pcm.size * 3 // 5]))
    assert np.mean(ends) > np.mean(middles) + 0.2


@engine
def test_only_the_last_eight_seconds_count(smart_turn: SmartTurn) -> None:
    noise = np.random.default_rng(0).standard_normal(12 * RATE).astype(np.float32) * 0.05
    assert smart_turn.complete_prob(noise) == smart_turn.complete_prob(noise[-8 * RATE :])


def test_a_missing_or_broken_turn_model_names_the_remedy(tmp_path: Path) -> None:
    with pytest.raises(ModelMissing, match="simvoice models pull"):
        SmartTurn(tmp_path)
    (tmp_path / "x.onnx").write_bytes(b"broken")
    with pytest.raises(ModelAltered, match="simvoice models pull"):
        SmartTurn(tmp_path)
