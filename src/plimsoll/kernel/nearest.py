"""The right word that a misspelt one was probably meant to be; asked only when something is wrong already."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches


def nearest(word: object, options: Iterable[object]) -> str:
    """The option most like the word, capitals apart; empty when none comes close."""
    words = {str(option).lower(): str(option) for option in options}
    matches = get_close_matches(str(word).lower(), words, n=1)
    return words[matches[0]] if matches else ""
