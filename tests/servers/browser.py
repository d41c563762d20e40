"""What ``$BROWSER`` names in tests: ``python browser.py URL`` follows the redirects to their end."""

import sys
from urllib.request import urlopen

with urlopen(sys.argv[1]) as _page:
    _page.read()
