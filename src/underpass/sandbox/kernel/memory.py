"""The memory of a process that is to be forked often, laid out so that a fork and an exit cost little.

What they cost grows with the number of mappings and of pages. A library makes five mappings where two
do, and Python's heap is some thousand pages where five large ones do.
"""

# Nothing that imports much: the heap is to be gathered before it grows.
from __future__ import annotations

import ctypes
import mmap
import os

_LARGE = 1 << 21
"""A large page."""
_MADV_COLLAPSE = 25
_READ, _WRITE, _EXECUTE = 1, 2, 4

_MREMAP_MAYMOVE, _MREMAP_FIXED = 1, 2
_FAILED = ctypes.c_void_p(-1).value

_library = ctypes.PyDLL(None)
_library.malloc.restype = _library.sbrk.restype = ctypes.c_void_p
_library.mmap.restype = _library.mremap.restype = ctypes.c_void_p
_library.mmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t, *[ctypes.c_int] * 3, ctypes.c_long]
_library.mremap.argtypes = [*[ctypes.c_void_p] * 3, ctypes.c_int, ctypes.c_void_p]
_library.munmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t]
_library.malloc.argtypes = [ctypes.c_size_t]
_library.free.argtypes = [ctypes.c_void_p]
_library.madvise.argtypes = _library.mprotect.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int]


class _ArenaAllocator(ctypes.Structure):
    """``PyObjectArenaAllocator``: where Python's heap gets a megabyte at a time."""

    _fields_ = [("context", ctypes.c_void_p), ("alloc", ctypes.c_void_p), ("free", ctypes.c_void_p)]


class Heap:
    """Python's heap and the C library's in one stretch, which can then have large pages.

    Made before much is imported: what was allocated stays where it is.
    """

    def __init__(self) -> None:
        self._usual = _ArenaAllocator()
        _library.PyObject_GetArenaAllocator(ctypes.byref(self._usual))
        self._begins: int = _library.sbrk(0)
        self._grow()
        # `alloc(context, size)` is called as `aligned_alloc(alignment, size)`.
        aligned = ctypes.cast(_library.aligned_alloc, ctypes.c_void_p).value
        gathered = _ArenaAllocator(mmap.PAGESIZE, aligned, self._usual.free)
        _library.PyObject_SetArenaAllocator(ctypes.byref(gathered))

    def pack(self) -> None:
        """Have large pages for it, where the kernel has some; from now on it grows as usual.

        After a fork a large page is copied in small pieces, like others, but for what nobody writes to
        there is one entry to copy, or a run of them at once.
        """
        _library.PyObject_SetArenaAllocator(ctypes.byref(self._usual))
        self._grow()
        for address in range(self._begins & -_LARGE, _library.sbrk(0), _LARGE):
            # Of older kernels, and where there is none to be had, it is an error that changes nothing.
            _library.madvise(address, _LARGE, _MADV_COLLAPSE)

    def _grow(self) -> None:
        """Have room for a large page at the end of the heap.

        The C library maps large blocks each for itself, but none that is smaller than one that was freed.
        """
        _library.free(_library.malloc(_LARGE))


class Maps:
    """The mappings of this process: made while there is a ``/proc``, used when all libraries are loaded."""

    def __init__(self) -> None:
        self._descriptor = os.open("/proc/self/maps", os.O_RDONLY | os.O_CLOEXEC)

    def merge(self) -> None:
        """Let each library have two mappings, one with its code and one with its data.

        The constants beside its code become executable, and what the linker has filled in beside its data
        becomes writable. Neither was a wall: a program may call what native code there is and write to
        all memory that it has. Nothing becomes both. The process must still be allowed to make memory
        executable.
        """
        found = self._read()
        for before, mapping, after in zip([None, *found], found, [*found[1:], None], strict=False):
            if mapping.access != _READ:
                continue
            beside = [
                *([before] if before is not None and before.goes_on_with(mapping) else []),
                *([after] if after is not None and mapping.goes_on_with(after) else []),
            ]
            for other in (_READ | _EXECUTE, _READ | _WRITE):
                if any(each.access == other for each in beside):
                    _library.mprotect(mapping.begins, mapping.ends - mapping.begins, other)
                    break

    def pack_code(self) -> None:
        """Have the interpreter's code in large pages, where the kernel has some.

        A fork leaves the pages of a file out, so each child would look for this code again, in forty
        faults. A copy in memory of our own it takes over, at one entry for each large page. The process
        must still be allowed to make memory executable.
        """
        code = ctypes.cast(_library.PyObject_Malloc, ctypes.c_void_p).value or 0
        for mapping in self._read():
            begins, ends = -(-mapping.begins // _LARGE) * _LARGE, mapping.ends // _LARGE * _LARGE
            if mapping.begins <= code < mapping.ends and begins < ends:
                _copy_to_large_pages(begins, ends - begins)

    def close(self) -> None:
        """Read no more."""
        os.close(self._descriptor)

    def _read(self) -> list[_Mapping]:
        os.lseek(self._descriptor, 0, os.SEEK_SET)
        with open(self._descriptor, encoding="utf-8", closefd=False) as maps:
            return [_Mapping(line) for line in maps]


def _copy_to_large_pages(address: int, size: int) -> None:
    """Put large pages with the same code in the place of ``size`` bytes of code at ``address``."""
    flags = mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS
    room: int = _library.mmap(None, size + _LARGE, _READ | _WRITE, flags, -1, 0)
    if room == _FAILED:
        return
    copy = -(-room // _LARGE) * _LARGE
    ctypes.memmove(copy, address, size)
    # In small pages a fork would have to copy an entry for each, and that takes longer than the faults.
    if _library.madvise(copy, size, _MADV_COLLAPSE) == 0:
        _library.mprotect(copy, size, _READ | _EXECUTE)
        _library.mremap(copy, size, size, _MREMAP_MAYMOVE | _MREMAP_FIXED, address)
    # What moved away left a hole, and nothing else can have come there: there is one thread.
    _library.munmap(room, size + _LARGE)


class _Mapping:
    """One line of ``/proc/self/maps``."""

    def __init__(self, line: str) -> None:
        addresses, access, offset, device, inode, *_ = line.split()
        begins, _, ends = addresses.partition("-")
        self.begins, self.ends, self.offset = int(begins, 16), int(ends, 16), int(offset, 16)
        self._file = (device, inode)
        self.access = sum(
            flag for flag, letter in ((_READ, "r"), (_WRITE, "w"), (_EXECUTE, "x")) if letter in access
        )

    def goes_on_with(self, other: _Mapping) -> bool:
        """Whether ``other`` is what comes next, of the same file and in memory."""
        return (
            self._file == other._file
            and self._file[1] != "0"
            and self.ends == other.begins
            and self.offset + self.ends - self.begins == other.offset
        )
