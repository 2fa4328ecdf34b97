"""People, tokens and roles; approvals; the hash-chained audit."""
