"""Writing a generated package to disk, and owning only what was generated."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from underpass.codegen.header import MARKS
from underpass.errors import GenerationFailed


@dataclass(frozen=True, slots=True)
class Written:
    """What a write changed, as paths relative to the package, sorted."""

    written: tuple[str, ...]
    unchanged: tuple[str, ...]
    removed: tuple[str, ...]


def write_package(files: Mapping[str, str], output: Path, *, keep: Collection[str] = ()) -> Written:
    """Make ``output`` hold exactly the generated ``files``, beside whatever else is in it.

    Each file is replaced in one step, and only where its text differs; generated files that are no
    longer wanted are removed. A file without the generator's header is never touched.

    Parameters:
        files: text by path relative to ``output``, with ``/`` between directories.
        output: the package's directory; made when it is not there.
        keep: directories of ``output`` whose generated files stay, wanted or not: those of servers that
            could not be asked now.

    Raises ``GenerationFailed``, before anything is changed, when a file of someone else's or a
    symbolic link stands where a generated one must go; also when the system refuses a write.
    """
    return _write(files, output, lambda path: path.partition("/")[0] not in keep)


def write_files(files: Mapping[str, str], output: Path) -> Written:
    """Write generated ``files`` into the directory ``output``, and leave all others there alone.

    The rules and errors are those of ``write_package``.
    """
    return _write(files, output, lambda _path: False)


def _write(files: Mapping[str, str], output: Path, unwanted: Callable[[str], bool]) -> Written:
    """Write ``files``, and remove the generated ones beside them whose path is ``unwanted``."""
    targets = {path: _target(path, output) for path in sorted(files)}
    _check_marks(files)
    try:
        folded = {path.casefold(): file for path, file in targets.items()}
        stale = {
            path: file
            for path, file in _generated(output, {PurePosixPath(path).suffix for path in targets})
            # Where case makes no difference, an old spelling is the new file.
            if path not in targets and unwanted(path) and not _is_same(file, folded.get(path.casefold()))
        }
        changed = [path for path, file in targets.items() if _differs(file, files[path], output)]
        for path in sorted(changed, key=_order):
            _replace(targets[path], files[path])
        for file in stale.values():
            _remove(file, output)
    except OSError as error:
        raise GenerationFailed(
            f"the package could not be written: {error}",
            hint="check that the directory can be written to and that the disk is not full",
            path=str(error.filename or output),
        ) from error
    return Written(tuple(sorted(changed)), tuple(sorted(targets.keys() - set(changed))), tuple(sorted(stale)))


def _check_marks(files: Mapping[str, str]) -> None:
    """Refuse what would be taken for somebody's own file the next time."""
    for path, text in files.items():
        if not text.startswith(MARKS):
            raise GenerationFailed(
                f"{path} does not begin with the generator's header",
                hint="the first line that a template gives must be {{ header }}",
                path=path,
            )


def _order(path: str) -> tuple[bool, int, str]:
    # The lazy packages come last: what they name is there before they name it.
    return path.endswith(("__init__.py", "index.ts")), -path.count("/"), path


def _target(path: str, output: Path) -> Path:
    parts = PurePosixPath(path).parts
    if not parts or path.startswith("/") or any(part in {".", ".."} or "\\" in part for part in parts):
        raise GenerationFailed(f"{path!r} is no path within the package", path=path)
    return output.joinpath(*parts)


def _generated(output: Path, suffixes: Collection[str]) -> Iterator[tuple[str, Path]]:
    """Yield the generated files of a language: those in ``output`` itself and one level below."""
    for pattern in (f"{level}*{suffix}" for suffix in sorted(suffixes) for level in ("", "*/")):
        for file in output.glob(pattern):
            if not file.is_symlink() and not file.parent.is_symlink() and _is_ours(file):
                yield file.relative_to(output).as_posix(), file


def _is_same(file: Path, other: Path | None) -> bool:
    return other is not None and other.exists() and file.samefile(other)


def _is_ours(file: Path) -> bool:
    with file.open("rb") as opened:
        start = opened.read(max(map(len, MARKS)))
    return start.startswith(tuple(mark.encode() for mark in MARKS))


def _differs(file: Path, text: str, output: Path) -> bool:
    """Whether a file must be written. Raises if it is not ours to write."""
    inside = [parent for parent in file.parents if output in parent.parents]
    link = next((place for place in (*inside, file) if place.is_symlink()), None)
    if link is not None:
        raise _in_the_way(link, "is a symbolic link")
    if not file.exists():
        return True
    if not file.is_file() or not _is_ours(file):
        raise _in_the_way(file, "was not generated by underpass")
    return file.read_bytes() != text.encode()


def _in_the_way(file: Path, what: str) -> GenerationFailed:
    return GenerationFailed(
        f"{file} {what}, and stands where a generated file must go",
        hint="move it away, or choose another --output directory",
        path=str(file),
    )


def _replace(file: Path, text: str) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    descriptor, temporary = tempfile.mkstemp(dir=file.parent, prefix=".underpass-")
    try:
        with os.fdopen(descriptor, "wb") as opened:
            opened.write(text.encode())
        Path(temporary).chmod(0o666 & ~_umask())
        Path(temporary).replace(file)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def _umask() -> int:
    mask = os.umask(0o022)
    os.umask(mask)
    return mask


def _remove(file: Path, output: Path) -> None:
    """Remove a generated file, its bytecode, and the directories that this leaves empty."""
    file.unlink()
    cache = file.parent / "__pycache__"
    for compiled in cache.glob(f"{file.stem}.*.pyc"):
        compiled.unlink()
    for directory in (cache, file.parent):
        if directory != output and directory.is_dir() and not any(directory.iterdir()):
            directory.rmdir()
