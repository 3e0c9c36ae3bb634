from hypothesis import given
from hypothesis import strategies as st

from simvoice.engines.llm.stop_strings import StopFilter


def _shown(pieces: list[str], stops: list[str]) -> str:
    stop_filter = StopFilter(stops)
    shown = "".join(stop_filter.push(piece) for piece in pieces)
    return shown + stop_filter.flush()


def test_nothing_after_a_stop_string_is_shown() -> None:
    assert _shown(["I am ", "fine.\nDoc", "tor: so"], ["\n"]) == "I am fine."


def test_a_stop_string_cut_by_the_pieces_is_found() -> None:
    assert _shown(["Yes. Doc", "tor:", " x"], ["Doctor:"]) == "Yes. "


def test_what_only_looked_like_a_stop_is_shown_in_the_end() -> None:
    assert _shown(["The Doc", "k"], ["Doctor:"]) == "The Dock"
    assert _shown(["The Doc"], ["Doctor:"]) == "The Doc"


@given(st.text(alphabet="ab:\n", max_size=30), st.integers(1, 5))
def test_the_size_of_the_pieces_changes_nothing(text: str, size: int) -> None:
    pieces = [text[i : i + size] for i in range(0, len(text), size)]
    assert _shown(pieces, ["ab:", "\n"]) == _shown([text], ["ab:", "\n"])
