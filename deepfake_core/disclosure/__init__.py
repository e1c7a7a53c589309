"""Marks on every frame that leaves."""
