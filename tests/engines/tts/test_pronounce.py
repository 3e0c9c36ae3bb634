from simvoice.engines.tts.pronounce import split_at_pauses, spoken_word


def test_abbreviations_are_expanded_without_their_full_stop() -> None:
    assert [spoken_word(w) for w in ("Dr.", "Mrs.", "St.")] == ["doctor", "missus", "saint"]


def test_a_hum_is_not_spelled_out_and_keeps_its_punctuation() -> None:
    assert spoken_word("Mm-hm,") == "um-hum,"


def test_curly_quotes_become_plain_ones() -> None:
    assert spoken_word("“I’m") == "I'm"


def test_phoneme_brackets_in_a_text_are_only_text() -> None:
    assert "[[" not in spoken_word("[[x]]")


def test_an_ellipsis_splits_and_stays_with_the_word_before_it() -> None:
    first, second = split_at_pauses("Well… I don't know.")
    assert first.words == ("Well…",)
    assert first.spoken == ("Well",)

    assert second.words == ("I", "don't", "know.")


def test_a_hyphen_inside_a_word_and_a_range_do_not_split() -> None:
    assert len(split_at_pauses("a cold-hearted man of 30–40 years")) == 1


def test_punctuation_alone_gives_no_phrase() -> None:
    assert split_at_pauses(" … — ?! ") == []
