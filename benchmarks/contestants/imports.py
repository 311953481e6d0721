"""import httpx, attrs"""

import attrs as attrs
import httpx as httpx
