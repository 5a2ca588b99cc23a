"""Imported first of all by a process that is to import much, or to hold many thousand rows as objects for a moment.

To look for cycles among objects that stay takes a twentieth of an import and of a pass, and finds none: it is done seldom.
"""

from __future__ import annotations

import gc

_OBJECTS = 100_000  # new ones before their process looks for cycles among them

gc.set_threshold(_OBJECTS)
