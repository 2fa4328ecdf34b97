"""Canonical JSON: one byte string for one value, so that a digest of it is an identity."""

from __future__ import annotations

import json
from typing import Any


def canonical_json(value: Any) -> bytes:
    """UTF-8 JSON with sorted keys and no white space; equal values give equal bytes.

    Raises ValueError for NaN, infinities and text that is not Unicode, TypeError for what JSON cannot say, which
    includes keys that are not text: written as JSON they would come back as text.
    """
    _require_text_keys(value)
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return text.encode()


def _require_text_keys(value: Any) -> None:
    if isinstance(value, dict):
        for key, item in value.items():
            if not isinstance(key, str):
                message = f"the key {key!r} is not text"
                raise TypeError(message)
            _require_text_keys(item)
    elif isinstance(value, list | tuple):
        for item in value:
            _require_text_keys(item)
