"""What commands and pages share: the table of operations, how one is performed, and how results are shown."""
