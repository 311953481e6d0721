"""How fast this client is, next to the transport alone and to others; docs/performance.md."""
