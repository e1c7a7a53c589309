"""One error for each reason why an identity does not open; the text names the cure."""


class IdentityError(Exception):
    """An identity cannot be opened."""


class IdentityMissing(IdentityError):
    """No identity of this name."""


class IdentityCorrupt(IdentityError):
    """The pack is damaged, too large or not of our making."""


class HashMismatch(IdentityCorrupt):
    """A file is not the one that was signed for."""


class ConsentMissing(IdentityError):
    """The pack carries no readable consent record."""


class SignatureInvalid(IdentityError):
    """The consent record is not signed by whom it has to be."""


class ConsentRefused(IdentityError):
    """The consent record does not cover this use now."""


class ConsentNotYetValid(ConsentRefused):
    """The consent begins later."""


class ConsentExpired(ConsentRefused):
    """The consent has ended."""


class ConsentWithdrawn(ConsentRefused):
    """The consent was taken back."""


class PurposeNotCovered(ConsentRefused):
    """The consent is for other purposes than the one stated."""


class WithdrawalsUnreadable(IdentityError):
    """Nobody can tell what was withdrawn, so nothing opens."""
