"""Training the swap networks; never imported inside OBS."""
