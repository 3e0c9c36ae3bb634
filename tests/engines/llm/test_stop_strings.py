from hypothesis import given
from hypothesis import strategies as st

from simvoice.engines.llm.stop_strings import StopFilter


def _filtered(pieces: list[str], stops: list[str]) -> str:
    stop_filter = StopFilter(stops)
    passed = "".join(stop_filter.push(piece) for piece in pieces)
    return passed + stop_filter.flush()


def test_text_after_a_stop_string_is_dropped() -> None:
    assert _filtered(["I am ", "fine.\nDoc", "tor: so"], ["\n"]) == "I am fine."


def test_a_stop_string_across_two_pieces_is_found() -> None:
    assert _filtered(["Yes. Doc", "tor:", " x"], ["Doctor:"]) == "Yes. "


def test_the_beginning_of_a_stop_string_alone_is_passed_on() -> None:
    assert _filtered(["The Doc", "k"], ["Doctor:"]) == "The Dock"
    assert _filtered(["The Doc"], ["Doctor:"]) == "The Doc"


@given(st.text(alphabet="ab:\n", max_size=30), st.integers(1, 5))
def test_the_size_of_the_pieces_changes_nothing(text: str, size: int) -> None:
    pieces = [text[i : i + size] for i in range(0, len(text), size)]
    assert _filtered(pieces, ["ab:", "\n"]) == _filtered([text], ["ab:", "\n"])
