from simvoice.engines.tts.pronounce import spoken_word, stretches


def test_abbreviations_are_spoken_out_without_their_full_stop() -> None:
    assert [spoken_word(w) for w in ("Dr.", "Mrs.", "St.")] == ["doctor", "missus", "saint"]


def test_a_hum_is_not_spelled_out_and_keeps_its_mark() -> None:
    assert spoken_word("Mm-hm,") == "um-hum,"


def test_curly_quotes_become_what_espeak_reads() -> None:
    assert spoken_word("“I’m") == "I'm"


def test_phoneme_brackets_in_a_text_are_only_text() -> None:
    assert "[[" not in spoken_word("[[x]]")


def test_an_ellipsis_cuts_and_stays_with_the_word_before_it() -> None:
    first, second = stretches("Well… I don't know.")
    assert first.words == ("Well…",)
    assert first.spoken == ("Well",)
    assert first.hesitates
    assert second.words == ("I", "don't", "know.")
    assert not second.hesitates


def test_a_hyphen_inside_a_word_and_a_range_cut_nothing() -> None:
    assert len(stretches("a cold-hearted man of 30–40 years")) == 1


def test_marks_alone_say_nothing() -> None:
    assert stretches(" … — ?! ") == []
