"""Records exchanges with a real server in the format of tests/recordings: `make record`.

`_exchange` says what a recording holds, without keys; `_proxy` stands between a client and the
server and takes it down.
"""
