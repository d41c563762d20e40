"""How a value is kept in a file, by the ending of the file's name.

``.json`` is one JSON value, ``.jsonl`` one for each line, ``.csv`` and ``.tsv`` a table with a header,
``.parquet`` a table where pyarrow is there. Text and bytes are kept as they are. Other endings hold JSON.
"""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterable, Mapping
from pathlib import PurePosixPath
from typing import Any, Final, cast

from underpass.guest.values import to_json

_TABLES: Final = {".csv": ",", ".tsv": "\t"}
_LINES: Final = frozenset({".jsonl", ".ndjson"})
_PARQUET: Final = ".parquet"


def encode(name: str, value: Any) -> bytes:
    """Return what a file named ``name`` holds for ``value``.

    Raises:
        TypeError: the format cannot express the value.
        ModuleNotFoundError: the format needs a package that is not there.
    """
    if isinstance(value, bytes | bytearray | memoryview):
        return bytes(cast("Any", value))
    ending = _ending(name)
    if isinstance(value, str) and ending not in {".json", _PARQUET}:
        return value.encode()
    if ending in _LINES:
        return "".join(f"{_json(name, row)}\n" for row in _rows(name, value)).encode()
    if ending in _TABLES:
        return _table(name, value, _TABLES[ending]).encode()
    if ending == _PARQUET:
        return _to_parquet(name, value)
    return _json(name, value).encode()


def decode(name: str, content: bytes) -> Any:
    """Return the value that a file named ``name`` holds: a table is a list of dicts.

    Raises:
        ValueError: the content is not what the ending says.
        ModuleNotFoundError: the format needs a package that is not there.
    """
    ending = _ending(name)
    if ending == ".json":
        return _read(name, "JSON", lambda: json.loads(content))
    if ending in _LINES:
        return _read(name, "lines of JSON", lambda: _lines(content.decode("utf-8-sig")))
    if ending in _TABLES:
        return _read(name, "table", lambda: _records(content.decode("utf-8-sig"), _TABLES[ending]))
    if ending == _PARQUET:
        return _from_parquet(content)
    try:
        return content.decode()
    except UnicodeDecodeError:
        return content


def _ending(name: str) -> str:
    return PurePosixPath(name).suffix.lower()


def _read(name: str, what: str, read: Callable[[], Any]) -> Any:
    try:
        return read()
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{name!r} is no {what}: {error}") from error


def _json(name: str, value: Any) -> str:
    text, problems = to_json(value)
    if problems:
        path, reason = problems[0]
        raise TypeError(f"the value cannot be saved as {name!r}: at {path}: {reason}")
    return text


def _lines(text: str) -> list[Any]:
    # Not `splitlines`: a JSON string may hold other separators of lines.
    return [json.loads(line) for line in text.split("\n") if line.strip()]


def _rows(name: str, value: Any) -> list[Any]:
    if hasattr(value, "to_dict") and hasattr(value, "columns"):
        return json.loads(_json(name, value))
    if isinstance(value, Mapping | str) or not isinstance(value, Iterable):
        raise TypeError(f"{name!r} holds rows: give a list, and not one {type(value).__name__}")  # pyright: ignore[reportUnknownArgumentType] - any mapping
    return list(cast("Iterable[Any]", value))


def _table(name: str, value: Any, delimiter: str) -> str:
    import csv

    rows: list[Any] = [json.loads(_json(name, row)) for row in _rows(name, value)]
    columns: dict[str, None] = {}
    for row in rows:
        if isinstance(row, dict):
            columns |= dict.fromkeys(cast("dict[str, Any]", row))
        elif not isinstance(row, list):
            raise TypeError(f"a row of {name!r} is a dict or a list, and not {row!r:.80}")
    text = io.StringIO()
    writer = csv.writer(text, delimiter=delimiter, lineterminator="\n")
    if columns:
        writer.writerow(columns)
    for row in rows:
        cells = map(cast("dict[str, Any]", row).get, columns) if isinstance(row, dict) else row
        writer.writerow([_cell(cell) for cell in cells])
    return text.getvalue()


def _cell(value: Any) -> str:
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _records(text: str, delimiter: str) -> list[dict[str, str]]:
    import csv

    csv.field_size_limit(max(len(text), 1))
    found = [row for row in csv.reader(io.StringIO(text, newline=""), delimiter=delimiter) if row]
    if not found:
        return []
    header, *rows = found
    for at, row in enumerate(rows, 2):
        if len(row) > len(header):
            raise ValueError(f"row {at} has {len(row)} cells, and the header {len(header)}")
    return [dict(zip(header, [*row, *[""] * (len(header) - len(row))], strict=True)) for row in rows]


def _pyarrow() -> Any:
    from importlib import import_module

    try:
        return import_module("pyarrow"), import_module("pyarrow.parquet")
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            "no package pyarrow is there, and .parquet files need it: run the program in an environment "
            "that has it, or save as .jsonl",
            name=error.name,
        ) from None


def _to_parquet(name: str, value: Any) -> bytes:
    pyarrow, parquet = _pyarrow()
    if hasattr(value, "to_parquet"):
        table = pyarrow.Table.from_pandas(value, preserve_index=False)
    else:
        table = pyarrow.Table.from_pylist([json.loads(_json(name, row)) for row in _rows(name, value)])
    content = pyarrow.BufferOutputStream()
    parquet.write_table(table, content)
    return content.getvalue().to_pybytes()


def _from_parquet(content: bytes) -> Any:
    pyarrow, parquet = _pyarrow()
    return parquet.read_table(pyarrow.BufferReader(content)).to_pylist()
