"""libobs through ctypes."""
