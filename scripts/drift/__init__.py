"""What Dify's published OpenAPI document says otherwise than openapi.yaml.

`_document` reads a document, `_schema` flattens its schemas, `_contract` writes what it promises as
one fact a place, `_difference` compares two contracts, `_accepted` sets aside what is known, and
`_report` tells people or programs.
"""
