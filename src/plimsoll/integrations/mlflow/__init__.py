"""MLflow beside the ledger: runs, releases and the alias of the champion, told through MLflow's own client."""
