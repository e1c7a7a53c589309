"""The face-swap pipeline behind the OBS filter."""
