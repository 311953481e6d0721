"""Hundreds of processes, forked from one that has imported what they need."""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing import forkserver, resource_tracker

from support.spec import ROOT

PROCESSES = multiprocessing.get_context("forkserver")
PROCESSES.set_forkserver_preload(["support.preloaded"])


def ensure_running() -> None:
    """Start what they are forked from, where it does not run yet."""
    with _importable():
        forkserver.ensure_running()


def end_all() -> None:
    """End what they are forked from, and wait until its coverage is written."""
    forkserver._forkserver._stop()
    resource_tracker._resource_tracker._stop()


@contextmanager
def _importable() -> Iterator[None]:
    """Processes that are started within find this package, too."""
    before = os.environ.get("PYTHONPATH")
    os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, [str(ROOT / "tests"), before]))
    try:
        yield
    finally:
        del os.environ["PYTHONPATH"]
        if before is not None:
            os.environ["PYTHONPATH"] = before
