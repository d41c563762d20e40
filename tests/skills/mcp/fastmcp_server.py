"""FastMCP's server with the extension: run by its own interpreter, as `python fastmcp_server.py FOLDER`."""

import importlib
import sys
from pathlib import Path
from typing import Any

# Not installed where this file is checked.
fastmcp: Any = importlib.import_module("fastmcp")
providers: Any = importlib.import_module("fastmcp.server.providers.skills")
extension: Any = importlib.import_module("fastmcp.skills.extension")

provider = providers.SkillsDirectoryProvider(roots=Path(sys.argv[1]), experimental_skills=True, reload=True)
server = fastmcp.FastMCP("fastmcp")
server.add_provider(provider)
server.add_extension(extension.SkillsExtension(providers=[provider]))
server.run(show_banner=False)
