"""Others' systems that Plimsoll speaks to, each chosen by name."""
