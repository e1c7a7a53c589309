"""Putting the swapped face back into the picture."""
