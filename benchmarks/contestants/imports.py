"""import httpx, attrs, where neither click nor rich is installed"""

import sys

# If click and rich are installed, httpx imports its command line, which doubles the time.
sys.modules["httpx._main"] = None  # type: ignore[assignment]  # marks a module as missing

import attrs  # noqa: E402, F401  # see above
import httpx  # noqa: E402, F401  # see above
