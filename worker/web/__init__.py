"""The web: links that reps answer by, the HTTP API, health and metrics. `app.py` puts it together."""
