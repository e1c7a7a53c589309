"""The little that is asked of OBS's own Qt: whether the user holds something, and where the keyboard's focus is.

Qt is asked by the C++ names of functions that take and return plain pointers or numbers; these hold for Qt 5 and 6 on
Linux, the same is meant for macOS (not run there), and Windows' compiler names them differently. Everything here is
for OBS's user interface thread alone.
"""

import ctypes as C  # noqa: N812
from typing import Any, NamedTuple

_MAX_WIDGETS = 10_000
_OTHER_FOCUS_REASON = 7

_SIGNATURES: dict[str, tuple[Any, ...]] = {
    "_ZN15QGuiApplication12mouseButtonsEv": (C.c_int,),
    "_ZN12QApplication17activePopupWidgetEv": (C.c_void_p,),
    "_ZN12QApplication11focusWidgetEv": (C.c_void_p,),
    "_ZNK7QWidget6windowEv": (C.c_void_p, C.c_void_p),
    "_ZNK7QWidget16nextInFocusChainEv": (C.c_void_p, C.c_void_p),
    "_ZN7QWidget8setFocusEN2Qt11FocusReasonE": (None, C.c_void_p, C.c_int),
}


def _functions() -> list[Any]:
    """The functions of _SIGNATURES (result, arguments); none where this process has no Qt with these names."""
    found = []
    for symbol, (result, *arguments) in _SIGNATURES.items():
        try:
            function = getattr(C.PyDLL(None), symbol)
        except (AttributeError, OSError, TypeError):
            return []
        function.restype, function.argtypes = result, arguments
        found.append(function)
    return found


_found = _functions()
KNOWN = bool(_found)
"""Whether the functions below may be called."""
if KNOWN:
    _mouse_buttons, _active_popup, _focus_widget, _window, _next_in_focus_chain, _set_focus = _found


class Focus(NamedTuple):
    """Where the keyboard's focus is: in which window, and how many steps from its beginning along the focus chain."""

    window: int
    steps: int


def busy() -> bool:
    """Whether a mouse button is down in OBS or a list is open."""
    return bool(_mouse_buttons()) or bool(_active_popup())


def focus() -> Focus | None:
    """Where the focus is; None when it is nowhere in OBS."""
    focused = _focus_widget()
    if not focused:
        return None
    window = widget = _window(focused)
    for steps in range(_MAX_WIDGETS):
        if widget == focused:
            return Focus(window, steps)
        widget = _next_in_focus_chain(widget)
    return None


def restore(place: Focus) -> None:
    """Put the focus where it was, in a window that still exists but whose widgets may have been made anew."""
    widget = place.window
    for _ in range(place.steps):
        widget = _next_in_focus_chain(widget)
    if widget != _focus_widget():
        _set_focus(widget, _OTHER_FOCUS_REASON)
