"""Intake: the door for what MA platforms, forms and CRMs send, each in its own words."""
