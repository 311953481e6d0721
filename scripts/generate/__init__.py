"""Writes everything that is derived from openapi.yaml.

- ``generated/dify_workflow_api``: the low-level client, by openapi-python-client, from the document
  that `_generator_input` makes of openapi.yaml.
- ``generated/provenance.json``: its sources, and the versions of the tools.
- ``overlay/dify_workflow/events/__init__.py``: a class for each entry of ``x-stream-events``.
- ``overlay/dify_workflow/_http/endpoints.py``: the first version with each endpoint that Dify 1.0
  lacks.
- The sync module for each async one in `_sync.SYNC_MODULES`, such as ``client.py``.

A second run changes nothing. ``make check-generated`` relies on that.
"""
