"""Face parsing: which pixels of the picture are skin, hair, glasses, or something before the face."""
