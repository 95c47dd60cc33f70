"""What the parts of scripts/bench have in common."""

import os


def environment():
    """The variables for programs that are measured: what is set for a place of somebody's must not reach them."""
    return {name: value for name, value in os.environ.items() if not name.startswith("WAYBOOK")}
