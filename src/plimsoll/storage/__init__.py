"""Storage: what of the bytes that were ever made is still needed, and the removal of the rest."""
