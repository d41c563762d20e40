"""A script: one of several processes that work on one agent's workspace at once.

``python crowd.py FOLDER NAME ROUNDS`` writes, keeps, restores, exports, deletes and collects, and prints
the names of the checkpoints that it has finished.
"""

from __future__ import annotations

import errno
import random
import sys
from pathlib import Path

from tests.workspace.checkpoints.places import AGENT, Place

from underpass.errors import UnderpassError

_CHANGED = (errno.ENOENT, errno.ENOTEMPTY, errno.EEXIST, errno.ENOTDIR, errno.EISDIR)


def main(folder: Path, name: str, rounds: int) -> None:
    """Work so many rounds."""
    draw = random.Random(name)
    place = Place(folder, checkpoints=1_000)
    mine: list[str] = []
    for number in range(rounds):
        try:
            place.write(f"data/{name}/{draw.randrange(5)}", draw.randbytes(draw.randrange(3_000)))
            checkpoint = f"{name}-{number}"
            place.checkpoints.create(AGENT, checkpoint)
            mine.append(checkpoint)
            match draw.randrange(5):
                case 0 | 1:
                    place.checkpoints.restore(AGENT, draw.choice(mine))
                case 2:
                    place.checkpoints.collect(grace=0)
                case 3:
                    place.checkpoints.export(AGENT, draw.choice(mine), folder / f"{checkpoint}.tar.gz")
                case _:
                    place.checkpoints.delete(AGENT, mine.pop(draw.randrange(len(mine))))
        except (FileNotFoundError, NotADirectoryError, FileExistsError):
            continue  # this script's own file, where another restored a state without its folder
        except UnderpassError as error:
            # Another has changed the files at the same time: that is said.
            changed = isinstance(error.__cause__, OSError) and error.__cause__.errno in _CHANGED
            if not changed and "while it was read" not in error.message:
                raise
    print(*mine)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]))
