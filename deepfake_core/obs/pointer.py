"""Whether the user is holding something in OBS's window that must not be rebuilt under the pointer."""

import ctypes as C  # noqa: N812
from collections.abc import Callable


def _qt(symbol: str, result: type) -> Callable[[], int | bool | None] | None:
    """A static function of the Qt that OBS has loaded, by its C++ name; None where it is not to be found.

    Not on Windows, whose compiler names it differently; not run on macOS.
    """
    try:
        function = getattr(C.CDLL(None), symbol)
    except (AttributeError, OSError, TypeError):
        return None
    function.restype, function.argtypes = result, ()
    return function  # type: ignore[no-any-return]


# Both only read a global of Qt, from any thread. QFlags and pointers return in a register.
_mouse_buttons = _qt("_ZN15QGuiApplication12mouseButtonsEv", C.c_int)
_active_popup = _qt("_ZN12QApplication17activePopupWidgetEv", C.c_void_p)

KNOWN = _mouse_buttons is not None and _active_popup is not None
"""Whether `busy` can tell at all."""


def busy() -> bool:
    """Whether a mouse button is down in OBS or a list is open; True where that cannot be known."""
    if _mouse_buttons is None or _active_popup is None:
        return True
    return bool(_mouse_buttons()) or bool(_active_popup())
