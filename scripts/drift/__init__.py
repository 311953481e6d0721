"""The differences between Dify's published OpenAPI document and openapi.yaml.

`_document` reads a document, and `_schema` flattens its schemas. `_contract` makes one fact for
each place, and `_difference` compares two contracts. `_accepted` sets known differences aside, and
`_report` prints the rest.
"""
