"""Running type checkers over a directory, at their strictest."""

import json
import subprocess
import sys
from pathlib import Path

_ROOT = Path(__file__).parents[2]
_COMMANDS = {
    "ty": [
        *(str(Path(sys.executable).with_name("ty")), "check", "--python-version", "3.11", "--error", "all"),
        # typing.override, which the rule asks for, is not in Python 3.11.
        *("--ignore", "missing-override-decorator", "--output-format", "concise", "."),
    ],
    "pyright": [str(_ROOT / "node_modules" / ".bin" / "pyright"), "."],
}


def complaints(checker: str, directory: Path) -> str:
    """What ``checker`` has against the files of ``directory``; empty when it has nothing."""
    settings = {"typeCheckingMode": "strict", "pythonVersion": "3.11"}
    (directory / "pyrightconfig.json").write_text(json.dumps(settings), "utf-8")
    done = subprocess.run(_COMMANDS[checker], cwd=directory, capture_output=True, text=True, check=False)
    return "" if done.returncode == 0 else f"{done.stdout[-3000:]}\n{done.stderr[-1000:]}"
