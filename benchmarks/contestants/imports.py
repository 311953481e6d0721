"""import httpx, attrs"""

import attrs  # noqa: F401  # only the import is measured
import httpx  # noqa: F401  # the same
