"""The swap: the driver's landmarks and pixels become a picture of the identity."""
