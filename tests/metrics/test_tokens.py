from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given
from hypothesis import strategies as st

from underpass.metrics import tokens

pytestmark = pytest.mark.requirement("R33")


@pytest.mark.parametrize(
    ("text", "count"),
    [("", 0), ("hello world", 2), ("The data takes the underpass.", 7), ("<|endoftext|>", 7), ("1234567", 3)],
)
def test_known_texts_have_their_o200k_counts(text: str, count: int) -> None:
    assert tokens.count(text) == count


@given(
    st.text(st.sampled_from("ab 'sX9\n\t/.,:;(){}[]\"é中🙂\u0301\u00a0\x1c"), max_size=400),
    st.integers(5, 60),
)
def test_counting_in_parts_gives_the_count_of_the_whole(text: str, chunk: int) -> None:
    text = f"{text} end"
    whole = tokens.count(text)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tokens, "_CHUNK", chunk)
        patch.setattr(tokens, "_LONGEST", 10_000)
        assert tokens.count(text) == whole


def test_a_large_text_is_counted_exactly() -> None:
    sentence = " Each row names a vessel, a berth and a price; 1,024 of them make a page."
    assert tokens.count(sentence * 50_000) == tokens.count(sentence) * 50_000


def test_large_compact_json_is_counted_exactly() -> None:
    row = '{"name":"Solvej","berth":17,"cargo":["timber","salt"]},'
    one, two = tokens.count(row), tokens.count(row * 2)  # a row's first token also ends the row before
    assert tokens.count(row * 40_000) == one + 39_999 * (two - one)


def test_a_text_without_a_space_is_cut_and_still_counted() -> None:
    assert tokens.count("ab" * 1_000_000) == pytest.approx(500_000, rel=0.001)


def test_text_that_is_no_unicode_is_counted_all_the_same() -> None:
    assert tokens.count("\ud800 x") == tokens.count("? x")


def test_several_threads_count_at_once() -> None:
    text = "The berth is taken until noon. " * 2_000
    with ThreadPoolExecutor(4) as pool:
        counts = set(pool.map(tokens.count, [text] * 8))
    assert counts == {tokens.count(text)}
