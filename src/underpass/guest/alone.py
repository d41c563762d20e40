"""Runs the guest in an ordinary process, without any isolation: ``underpass run --sandbox none``.

A script: ``python -I -S alone.py DESCRIPTOR WORKSPACE [PACKAGES]``.
"""

import os
import sys
from pathlib import Path

_SOURCE = str(Path(__file__).parents[2])
sys.path.insert(0, _SOURCE)

from underpass.guest import main  # noqa: E402
from underpass.guest.channel import Channel  # noqa: E402

sys.path.remove(_SOURCE)

if __name__ == "__main__":
    os.chdir(sys.argv[2])
    sys.path += sys.argv[3:]
    # The program's time does not begin before the interpreter is up.
    Channel(int(sys.argv[1])).send({"op": "ready"})
    main.serve(int(sys.argv[1]), sys.argv[2])
    os._exit(0)
