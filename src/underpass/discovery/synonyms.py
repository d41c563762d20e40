"""Words that people and tools use for the same thing."""

from __future__ import annotations

from underpass.discovery.words import terms

# One group a line. Taken from what tools do and act on; a word may be in several groups.
_GROUPS = """
get fetch retrieve read show view display obtain
list show enumerate
search find query lookup locate discover
create add make new generate insert
generate draw render plot
delete remove drop erase purge
update modify edit change set
send post publish
run execute
convert transform translate
download fetch save
write save store
calculate compute
analyze analysis analytics examine
check verify validate
image picture photo png jpg
chart graph plot diagram
directions route navigation
coordinates geocode latitude longitude location
webpage page website web url
document file doc
word docx document
excel spreadsheet xlsx workbook sheet
powerpoint pptx slide presentation
paper article publication arxiv
stock ticker share equity
mail email inbox
database db sql
repository repo
log history
movie film
weather forecast temperature
price cost pricing
news headline trending
trending hot popular top
video youtube clip
song music track
directory folder
train railway rail
calendar event schedule meeting
date time day today
user account member
message chat
issue bug ticket
summary summarize digest
random lottery raffle
comment review reply
transcript subtitle caption
hotel accommodation
flight airline
recipe dish cook
exchange currency
company corporation
statistics stats metrics
host server machine
nearby near around
"""


def _related() -> dict[str, tuple[str, ...]]:
    related: dict[str, dict[str, None]] = {}
    for line in _GROUPS.strip().splitlines():
        group = [term for word in line.split() for term in terms(word)]
        for term in group:
            related.setdefault(term, {}).update(dict.fromkeys(other for other in group if other != term))
    return {term: tuple(others) for term, others in related.items()}


SYNONYMS = _related()
"""For a stemmed term, the stemmed terms that mean about the same."""
