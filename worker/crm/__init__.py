"""Keeps the CRM up to date, and reads its outcomes back."""
