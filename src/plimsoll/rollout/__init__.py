"""Which release an environment shall run, and the loop that makes it so."""
