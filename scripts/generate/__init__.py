"""Writes everything that is derived from openapi.yaml.

- ``generated/dify_workflow_api``: the low-level client, by openapi-python-client, which is given
  what `_generator_input` makes of openapi.yaml.
- ``generated/provenance.json``: what it was made from, and with which versions.
- ``overlay/dify_workflow/events/__init__.py``: a class for each entry of ``x-stream-events``.
- ``overlay/dify_workflow/_http/endpoints.py``: since when there is each endpoint that Dify 1.0
  does not have.
- The sync module of each async one that `_sync.SYNC_MODULES` names, such as ``client.py``.

Running it twice changes nothing; ``make check-generated`` relies on that.
"""
