"""What a user can cause and mend: said in a sentence, never as a traceback."""

from __future__ import annotations


class UserError(Exception):
    """What is wrong, where, and what to do. Nothing was changed; the command exits 1."""
