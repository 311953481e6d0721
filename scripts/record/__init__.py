"""Records exchanges with a real server in the format of tests/recordings: `make record`.

`_exchange` makes the content of a recording, without keys. `_proxy` is between a client and the
server, and records the exchanges.
"""
