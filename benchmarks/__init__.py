"""The speed of this client, compared with the transport alone and others; docs/performance.md."""
