"""People who do not exist; never imported inside OBS."""
