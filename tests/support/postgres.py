"""A PostgreSQL server for tests, from Debian's package (`postgresql`)."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text

from dify_workflow.batch.database import url_of

BINARIES = max(Path("/usr/lib/postgresql").glob("*/bin"), default=None)
"""Where Debian has the newest version's programs, which are not on the path."""

_SETTINGS = {"fsync": "off", "full_page_writes": "off", "unix_socket_directories": ""}
"""Nothing of it is kept."""


NEEDS_POSTGRES = pytest.mark.skipif(
    BINARIES is None and "NEEDS_POSTGRES" not in os.environ,
    reason="needs Debian's postgresql",
)


def empty_database(server: str, test: str) -> str:
    """The URL of an empty database, for one test.

    Args:
        server: The URL of the server's own database.
        test: Name of the test.
    """
    name = f"of_{abs(hash(test))}"
    engine = create_engine(url_of(server), isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text(f"CREATE DATABASE {name}"))
    engine.dispose()
    return server.removesuffix("postgres") + name


@contextmanager
def postgres() -> Iterator[str]:
    """The URL of a database on a server of its own."""
    assert BINARIES is not None
    # It refuses to be run by root; the package has made a user for it.
    as_user = ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"]
    prefix = as_user if os.getuid() == 0 else []
    folder = Path(tempfile.mkdtemp(prefix="dify-postgres-"))
    if prefix:
        shutil.chown(folder, "postgres", "postgres")
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    options = [f"-c {name}='{value}'" for name, value in _SETTINGS.items()]
    password = folder / "password"
    password.write_text("S3cr3t", encoding="utf-8")
    password.chmod(0o644)

    def run(program: str, *arguments: str) -> None:
        command = [*prefix, str(BINARIES / program), "-D", str(folder / "data"), *arguments]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, cwd=folder)

    try:
        who = ("--username=dify", f"--pwfile={password}", "--auth=scram-sha-256")
        run("initdb", "--no-sync", "--encoding=UTF8", "--locale=C", *who)
        started = ("-l", str(folder / "log"), "-o", f"-h 127.0.0.1 -p {port} {' '.join(options)}")
        run("pg_ctl", "-w", "start", *started)
        try:
            yield f"postgresql://dify:S3cr3t@127.0.0.1:{port}/postgres"
        finally:
            run("pg_ctl", "-w", "-m", "immediate", "stop")
    finally:
        shutil.rmtree(folder)
