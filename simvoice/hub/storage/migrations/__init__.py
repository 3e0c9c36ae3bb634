"""Migrations of the hub's tables, in `versions/`; `hub.storage.schema` runs them."""
