"""The durable state: one SQLite database in the state directory, and the writer that commits to it off the
hub.
"""

from app.store.database import Store

__all__ = ["Store"]
