"""How good a swap, a parser or a composite is, measured on people who do not exist; never imported inside OBS."""
