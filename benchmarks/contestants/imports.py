"""import httpx, attrs, where neither click nor rich is installed"""

import sys

# With click and rich there, httpx imports its command line, which takes as long as all the rest.
sys.modules["httpx._main"] = None  # type: ignore[assignment]  # how Python marks what is not there

import attrs  # noqa: E402, F401  # see above
import httpx  # noqa: E402, F401  # likewise
