"""Learning from outcomes: scikit-learn is loaded here and nowhere else, and only to fit."""
