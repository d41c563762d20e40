"""Names and phrases that made-up data is put together from."""

from __future__ import annotations

from random import Random

FIRST = (
    "Amara", "Ben", "Chiara", "Daniel", "Elif", "Farid", "Grace", "Hugo", "Ines", "Jonas", "Kaya", "Liam",
    "Mei", "Nadia", "Oscar", "Priya", "Quentin", "Rosa", "Samir", "Tove", "Uma", "Viktor", "Wanda", "Yusuf",
)  # fmt: skip
LAST = (
    "Adeyemi", "Bergström", "Costa", "Dubois", "Eriksen", "Fischer", "Garcia", "Horvat", "Ivanova", "Jansen",
    "Kowalski", "Lindqvist", "Moreau", "Nakamura", "Okafor", "Petrov", "Quinn", "Rossi", "Schmidt", "Tanaka",
    "Ueda", "Varga", "Weber", "Xu", "Yilmaz", "Zhang",
)  # fmt: skip
CITIES = (
    "Amsterdam", "Athens", "Barcelona", "Berlin", "Copenhagen", "Dublin", "Hamburg", "Helsinki", "Lisbon",
    "London", "Madrid", "Milan", "Munich", "Oslo", "Paris", "Porto", "Prague", "Rome", "Stockholm", "Vienna",
    "Warsaw", "Zurich",
)  # fmt: skip
COUNTRIES = ("AT", "BE", "CH", "DE", "DK", "ES", "FI", "FR", "IE", "IT", "NL", "NO", "PL", "PT", "SE")
SUBJECTS = (
    "the onboarding flow", "the billing migration", "the mobile release", "the search index",
    "the data warehouse", "the partner portal", "the support backlog", "the pricing page",
    "the audit findings", "the hiring plan", "the renewal with the bank", "the incident of last week",
    "the new dashboards", "the delivery times", "the checkout errors", "the training material",
)  # fmt: skip
SENTENCES = (
    "I looked at {0} again, and I think that {1} is what holds us back.",
    "Could we come back to {0} before we talk about {1}?",
    "From our side {0} is in good shape, but {1} needs another two weeks.",
    "The customers I spoke with mention {0} far more often than {1}.",
    "If we move people from {0} to {1}, the quarter still works out.",
    "Honestly, nobody owns {0}, and that is why {1} slips every time.",
    "Let me share the numbers for {0}; they look better than those for {1}.",
    "We promised {0} to three accounts, and {1} to none of them.",
    "I would rather finish {0} first, and leave {1} for the next planning.",
    "There is a dependency between {0} and {1} that the plan does not show.",
    "Legal has no objection to {0}, they only want to read about {1}.",
    "What would it cost us to stop {0} altogether and put everything into {1}?",
    "The team is proud of {0}, and rightly so; {1} is another story.",
    "Before the board meeting we need one page about {0} and one about {1}.",
    "My worry is that {0} looks finished on the slides, while {1} has not even begun.",
    "That matches what I heard from sales about {0}, less so for {1}.",
)


def names(random: Random, count: int) -> list[str]:
    """Different names of persons."""
    every = [f"{first} {last}" for first in FIRST for last in LAST]
    return random.sample(every, count)


def address(person: str, domain: str) -> str:
    """The address of a person's mailbox."""
    plain = person.lower().replace("ö", "o").replace(" ", ".")
    return f"{plain}@{domain}"


def sentence(random: Random) -> str:
    """Something that is said in a meeting."""
    return random.choice(SENTENCES).format(*random.sample(SUBJECTS, 2))


def paragraph(random: Random, sentences: int) -> str:
    """As many sentences, one after the other."""
    return " ".join(sentence(random) for _ in range(sentences))
