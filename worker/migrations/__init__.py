"""Schema revisions, run by `tasuki db upgrade`."""
