"""A registry in a folder: wheels and source archives made on the spot, for the real pip to find."""

import io
import tarfile
import zipfile
from pathlib import Path

import pytest


class Registry:
    """What pip finds instead of any other registry."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.folder = folder
        folder.mkdir()
        for name, value in {
            "PIP_CONFIG_FILE": "/dev/null",
            "PIP_NO_INDEX": "1",
            "PIP_FIND_LINKS": str(folder),
            "PIP_NO_CACHE_DIR": "1",
        }.items():
            monkeypatch.setenv(name, value)

    def wheel(self, name: str, version: str = "1.0", *, needs: str = "", text: str = "") -> Path:
        """Add a wheel with one module; ``needs`` is a requirement of it."""
        info = f"{name}-{version}.dist-info"
        requires = f"Requires-Dist: {needs}\n" if needs else ""
        path = self.folder / f"{name}-{version}-py3-none-any.whl"
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr(f"{name}.py", text or f"version = {version!r}\n")
            archive.writestr(
                f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n{requires}"
            )
            archive.writestr(
                f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
            )
            archive.writestr(f"{info}/RECORD", "")
        return path

    def source(self, name: str, program: str) -> None:
        """Add a source archive, whose ``setup.py`` pip would run to build it."""
        with tarfile.open(self.folder / f"{name}-1.0.tar.gz", "w:gz") as archive:
            member = tarfile.TarInfo(f"{name}-1.0/setup.py")
            member.size = len(program)
            archive.addfile(member, io.BytesIO(program.encode()))
