"""One error for each reason why an identity does not open; the text names the cure."""


class IdentityError(Exception):
    """An identity cannot be opened."""


class IdentityMissing(IdentityError):
    """No identity of this name."""


class IdentityCorrupt(IdentityError):
    """The pack is damaged, too large or not of our making."""


class ConsentMissing(IdentityError):
    """The pack carries no readable consent record."""


class ConsentRefused(IdentityError):
    """The consent record does not cover this use now."""
