"""The database that remembers everything: SQLite on a laptop, PostgreSQL for a team, one code path."""
