"""Whatever is done to a trail's files is found."""

import hashlib
import itertools
from pathlib import Path

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.broker.audit.trails import all_lines, lines_of, overwrite, put_lines, write_run

from underpass.broker.audit import Chain, verify
from underpass.broker.audit.files import HEAD, read_head, segment_path, segments
from underpass.broker.audit.row import GENESIS, content_of

pytestmark = pytest.mark.requirement("R37")
SMALL = 8 * 2_000
"""Bytes of a trail whose segments have a few rows each."""
repeated = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_run(tmp_path / "audit", "ab")
    return tmp_path / "audit"


@pytest.fixture
def long(tmp_path: Path) -> Path:
    """A trail of several segments."""
    folder = tmp_path / "long"
    write_rows(folder, range(40))
    assert len(segments(folder)) > 3
    assert verify(folder).ok
    return folder


def write_rows(folder: Path, numbers: range) -> None:
    chain = Chain(folder, most_bytes=SMALL)
    for number in numbers:
        chain.append([content_of("note", {"text": f"{number:060d}"})])
    chain.close()


def test_a_trail_that_nobody_has_touched_is_as_it_was_written(folder: Path) -> None:
    report = verify(folder)
    assert (report.ok, report.rows, report.first, report.last) == (True, 7, 1, 7)
    kinds = [orjson.loads(line)["kind"] for line in lines_of(folder)]
    assert kinds == ["segment", "began", "decision", "call", "decision", "call", "ended"]


def test_anyone_can_check_the_hashes(folder: Path) -> None:
    previous = GENESIS
    for line in lines_of(folder):
        body, _, rest = line.rpartition(b',"hash":"')
        previous = hashlib.sha256(previous.encode() + body).hexdigest()
        assert rest == previous.encode() + b'"}\n'
    assert (folder / HEAD).read_text() == f"{7:020d} {previous}\n"
    assert verify(folder).hash == previous


@pytest.mark.parametrize("change", [1, 0x20], ids=hex)
def test_every_change_of_one_byte_is_found(folder: Path, change: int) -> None:
    path = segment_path(folder, 1)
    content = path.read_bytes()
    for place in range(len(content)):
        changed = bytearray(content)
        changed[place] ^= change
        overwrite(path, changed)
        assert not verify(folder).ok, f"byte {place}: {bytes(changed[place - 10 : place + 10])!r}"


@repeated
@given(data=st.data())
def test_any_other_bytes_in_place_of_any_are_found(folder: Path, data: st.DataObject) -> None:
    path = segment_path(folder, 1)
    content = path.read_bytes()
    begin = data.draw(st.integers(0, len(content)))
    end = data.draw(st.integers(begin, min(begin + 300, len(content))))
    instead = data.draw(st.binary(max_size=50).filter(lambda put: put != content[begin:end]))
    overwrite(path, content[:begin] + instead + content[end:])
    # What is only begun is no row: a process that is killed leaves it so.
    found = verify(folder)
    only_more = begin == end == len(content) and b"\n" not in instead
    assert found.ok == only_more
    overwrite(path, content)


def test_every_removal_is_found(folder: Path) -> None:
    lines = lines_of(folder)
    for begin, end in itertools.combinations(range(len(lines) + 1), 2):
        assert not put_lines(folder, lines[:begin] + lines[end:]).ok


def test_every_swap_is_found(folder: Path) -> None:
    lines = lines_of(folder)
    for one, other in itertools.combinations(range(len(lines)), 2):
        swapped = list(lines)
        swapped[one], swapped[other] = lines[other], lines[one]
        assert not put_lines(folder, swapped).ok


def test_every_insertion_is_found(folder: Path) -> None:
    lines = lines_of(folder)
    forged = b'{"n":%d,"kind":"call","hash":"%b"}\n'
    for place in range(len(lines) + 1):
        for line in (*lines, b"\n", b"{}\n", forged % (place + 1, GENESIS.encode())):
            assert not put_lines(folder, [*lines[:place], line, *lines[place:]]).ok


def test_what_is_wrong_is_named_with_its_place(folder: Path) -> None:
    lines = lines_of(folder)
    changed = [*lines[:2], lines[2].replace(b'"allow"', b'"deny "'), *lines[3:]]
    (fault,) = put_lines(folder, changed).faults
    assert (fault.segment, fault.line, fault.what) == (1, 3, "row 3 was changed, or another one before it")
    (fault,) = put_lines(folder, lines[:3] + lines[5:]).faults
    assert (fault.line, fault.what) == (4, "rows 4 to 5 are missing before this one")
    (fault,) = put_lines(folder, lines[:-2]).faults
    assert (fault.line, fault.what) == (0, "rows 6 to 7 are missing at the end")


def test_a_missing_segment_is_found(long: Path) -> None:
    for number in segments(long):
        path = segment_path(long, number)
        content = path.read_bytes()
        path.unlink()
        assert not verify(long).ok
        overwrite(path, content)
    assert verify(long).ok


def test_segments_that_change_places_are_found(long: Path) -> None:
    one, other = segment_path(long, 1), segment_path(long, 2)
    first, second = one.read_bytes(), other.read_bytes()
    overwrite(one, second)
    overwrite(other, first)
    assert not verify(long).ok


@pytest.mark.parametrize("content", ["", "x", f"{'0' * 20} {GENESIS}\n", None])
def test_a_head_that_is_gone_is_found_and_an_older_one_does_no_harm(long: Path, content: str | None) -> None:
    (long / HEAD).unlink()
    if content is not None:
        (long / HEAD).write_text(content)
    # A process that is killed between two writes leaves an older one.
    assert verify(long).ok == bool(content and len(content) > 1)


def test_a_writer_does_not_cover_up_a_cut(long: Path) -> None:
    lines = lines_of(long, segments(long)[-1])
    put_lines(long, lines[:-1], segments(long)[-1])
    last = verify(long).last
    write_rows(long, range(3))
    report = verify(long)
    assert report.last == last + 4
    assert ["the last rows were missing" in fault.what for fault in report.faults] == [True]


def test_a_writer_does_not_cover_up_a_missing_head(long: Path) -> None:
    (long / HEAD).unlink()
    write_rows(long, range(1))
    assert ["the head was missing" in fault.what for fault in verify(long).faults] == [True]


def test_a_writer_does_not_cover_up_that_all_is_gone(long: Path) -> None:
    for number in segments(long):
        segment_path(long, number).unlink()
    assert not verify(long).ok
    write_rows(long, range(1))
    assert any("the last rows were missing" in fault.what for fault in verify(long).faults)


def test_a_writer_does_not_cover_up_that_the_newest_segment_is_empty(long: Path) -> None:
    put_lines(long, [], segments(long)[-1])
    write_rows(long, range(3))
    assert ["the last rows were missing" in fault.what for fault in verify(long).faults] == [True]


def test_a_writer_goes_on_after_a_row_that_cannot_be_read(long: Path) -> None:
    newest = segments(long)[-1]
    put_lines(long, [*lines_of(long, newest)[:-1], b"what is this\n"], newest)
    write_rows(long, range(2))
    report = verify(long)
    assert any("could not be read" in fault.what for fault in report.faults)
    assert segments(long)[-1] == newest + 1


def test_a_writer_that_works_does_not_go_on_behind_a_cut(tmp_path: Path) -> None:
    chain = Chain(tmp_path)
    for number in range(5):
        chain.append([content_of("note", {"number": number})])
    put_lines(tmp_path, lines_of(tmp_path)[:-2])
    chain.append([content_of("note", {"number": 5})])
    chain.close()
    assert any("the last rows were missing" in fault.what for fault in verify(tmp_path).faults)


def test_a_noted_head_shows_that_nothing_before_it_was_cut_off(long: Path) -> None:
    noted = verify(long).hash
    write_rows(long, range(5))
    report = verify(long, noted=noted)
    assert report.ok
    assert report.noted is not None
    assert report.noted < report.last
    newest = segments(long)[-1]
    lines = all_lines(long)[: report.noted - 1]
    # Whoever may write all files can cut the end off and put the head back.
    for number in segments(long):
        kept = [line for line in lines_of(long, number) if line in lines]
        put_lines(long, kept, number)
        if not kept:
            segment_path(long, number).unlink()
    last = orjson.loads(lines[-1])
    (long / HEAD).write_text(f"{last['n']:020d} {last['hash']}\n")
    assert newest >= segments(long)[-1]
    assert verify(long).ok
    (fault,) = verify(long, noted=noted).faults
    assert f"no row has the hash {noted}" in fault.what


def test_without_the_key_a_trail_can_be_neither_verified_nor_written_anew(tmp_path: Path) -> None:
    folder = tmp_path / "audit"
    write_run(folder, "a", key=b"secret")
    assert verify(folder, key=b"secret").ok
    assert verify(folder, key=b"secret").is_keyed
    for key, needs in ((b"", "a key"), (b"other", "another key")):
        (fault, *_) = verify(folder, key=key).faults
        assert needs in fault.what
    for path in folder.iterdir():
        path.unlink()
    write_run(folder, "b")
    assert verify(folder).ok
    (fault,) = verify(folder, key=b"secret").faults
    assert "the newest rows are made without one" in fault.what


def test_a_key_that_is_set_later_keys_what_follows(tmp_path: Path) -> None:
    write_run(tmp_path, "a")
    write_run(tmp_path, "b", key=b"secret")
    assert segments(tmp_path) == [1, 2]
    assert verify(tmp_path, key=b"secret").ok
    lines = lines_of(tmp_path)
    assert not put_lines(tmp_path, [lines[0], *lines[2:]]).ok
    put_lines(tmp_path, lines)
    write_run(tmp_path, "c")
    faults = verify(tmp_path, key=b"secret").faults
    assert "the rows before are made with a key, and these without one" in faults[0].what


def test_old_segments_are_removed_and_what_is_left_verifies(tmp_path: Path) -> None:
    write_rows(tmp_path, range(200))
    noted = orjson.loads(lines_of(tmp_path, 3)[-1])["hash"]
    lost = orjson.loads(lines_of(tmp_path, 3)[-2])["hash"]
    chain = Chain(tmp_path, most_bytes=SMALL)
    chain.prune()
    chain.prune()
    chain.close()
    report = verify(tmp_path)
    assert report.faults == []
    assert segments(tmp_path)[0] > 3
    assert report.first > 1
    assert sum(segment_path(tmp_path, number).stat().st_size for number in segments(tmp_path)) < SMALL + 2_000
    # The end of a segment stays known.
    assert verify(tmp_path, noted=noted).noted is not None
    assert not verify(tmp_path, noted=lost).ok
    segment_path(tmp_path, segments(tmp_path)[0]).unlink()
    assert [fault.what for fault in verify(tmp_path).faults] == [
        f"the rows before {verify(tmp_path).first} are missing"
    ]


def test_rows_that_are_too_old_are_removed_by_segments(tmp_path: Path) -> None:
    write_rows(tmp_path, range(40))
    old = segments(tmp_path)
    chain = Chain(tmp_path, days=1e-9, most_bytes=2**30)
    chain.prune()
    chain.append([content_of("note", {"by": "me"})])
    chain.close()
    assert segments(tmp_path) == [old[-1]]
    assert verify(tmp_path).ok


def test_the_head_never_shrinks(tmp_path: Path) -> None:
    write_rows(tmp_path, range(3))
    head = read_head(tmp_path / HEAD)
    assert head is not None
    assert head.number == 4
