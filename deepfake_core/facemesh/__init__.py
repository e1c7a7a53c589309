"""Face detection, 468 landmarks and tracking."""
