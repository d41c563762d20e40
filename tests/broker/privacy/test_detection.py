"""How well personal data is found: on made-up texts, and on text of which next to none is personal."""

from __future__ import annotations

import gzip
import random

import pytest
from tests.broker.privacy.corpus import forms, people, score, texts
from tests.shared_data import shared_data

from underpass.broker.privacy.detect import Detector
from underpass.broker.privacy.kinds import SEARCHED

pytestmark = pytest.mark.requirement("R12")


def found(text: str, *, names: tuple[str, ...] = (), region: str = "") -> list[tuple[str, str]]:
    detector = Detector(SEARCHED, names, region)
    return [(span.found.kind, text[span.start : span.end]) for span in detector.find(text)]


@pytest.mark.parametrize("region", ["", "DE"])
def test_what_is_said_to_be_found_is_found_in_realistic_texts(region: str) -> None:
    dice = random.Random(7)
    names = people(dice, 600)
    corpus = list(texts(dice, names, 1_500))
    scores = score(Detector(SEARCHED, names, region), corpus)
    recall = {kind: one.recall(forms(corpus, kind, expected=True)) for kind, one in scores.items()}
    assert min(recall.values()) >= 0.99, recall
    assert min(one.precision for one in scores.values()) >= 0.95, scores
    # The page says that these are not found; names alone, and numbers of one country, may be.
    hidden = {kind: one.recall(forms(corpus, kind, expected=False)) for kind, one in scores.items()}
    assert hidden["email"] == hidden["name"] == 0
    assert (hidden["phone"] > 0.4) is bool(region)


def test_definitions_of_real_tools_have_next_to_nothing_personal() -> None:
    with gzip.open(shared_data("tools", "corpus.jsonl.gz"), "rt", encoding="utf-8") as file:
        text = file.read(4_000_000)
    spans = Detector(("phone", "card", "iban"), (), "").find(text)
    # Their examples have telephone numbers and cards made for that.
    assert len(spans) < 200


def test_an_address_is_found_in_any_surroundings() -> None:
    for text in (
        "<{}>",
        "mailto:{}?subject=x",
        "to={}&cc=",
        "'{}'",
        "({}).",
        "{},{}",
        "a:{}",
        '{{"a":"{}"}}',
    ):
        address = "o.neil+x_1@sub.büro-1.example.co.uk"
        kinds = found(text.format(address, address))
        assert set(kinds) == {("email", address)}, text
    assert found("git@github.com:team/repo.git and left-pad@1.2.3 and @handle and a@b") == []


def test_a_telephone_number_is_found_beside_other_numbers() -> None:
    for text in ("{} 2026-11-23", "{}, 12", "{}; 4711", "1. {}", "{} x 12", "7 {}, 8"):
        assert ("phone", "+49 170 1234567") in found(text.format("+49 170 1234567")), text
    assert found("05.02.2026 0170 1234567", region="DE") == [("phone", "0170 1234567")]
    assert found("0170 1234567") == found("+49 170 12") == found("+999 170 1234567") == []


def test_numbers_with_a_wrong_check_digit_are_left_alone() -> None:
    assert found("4111111111111112 DE88370400440532013000 XX89370400440532013000 DE89") == []
    assert found("de89370400440532013000, GB29 NWBK 6016 1331 9268 19!") == [
        ("iban", "de89370400440532013000"),
        ("iban", "GB29 NWBK 6016 1331 9268 19"),
    ]


def test_names_are_whole_words_in_any_case_with_any_sign_between_and_any_encoding_of_accents() -> None:
    names = ("Ada Berg", "José", "O'Neil", "Y\u0131lmaz", "Ada")
    text = "ADA BERG ada_berg Ada-Berg's adage Adan JOSÉ Jose\u0301 O\u2019Neil's YILMAZ Ada\nBerg İ Ada"
    assert [part for _, part in found(text, names=names)] == [
        *("ADA BERG", "ada_berg", "Ada-Berg", "JOSÉ", "Jose", "O\u2019Neil", "YILMAZ", "Ada\nBerg", "Ada")
    ]


def test_two_that_overlap_leave_nothing_of_either() -> None:
    assert found("+49 170 1234567ada@example.org") == [("value", "+49 170 1234567ada@example.org")]
    assert found("ada berg@example.org", names=("Ada Berg",)) == [("value", "ada berg@example.org")]


def test_tokens_are_left_alone() -> None:
    assert found("EMAIL_k3f9q2xz CARD_a2345678@example.org NAME_k3f9q2xz", names=("Card", "Email")) == []
