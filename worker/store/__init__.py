"""The store: PostgreSQL through SQLAlchemy Core. Sets, not loops; one commit a flow."""
