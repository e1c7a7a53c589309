"""The swap: crop, retargeting, template, encoder and decoder."""
