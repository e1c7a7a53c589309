"""Test-only OBS script: runs the harness's Python inside OBS and presses OBS's own buttons.

Listens on the Unix datagram socket that OBS_TEST_SOCKET names; each message is Python source that runs on OBS's user
interface thread, in one namespace that also holds Qt and the functions below. The answer is JSON: the value of
`result`, or the error. Buttons are pressed from Qt's event queue, not from Python, so that the GIL is free meanwhile,
as it is when a person presses them.
"""

import contextlib
import json
import os
import socket
import traceback
from pathlib import Path
from typing import Any

if "libQt6Core" in Path("/proc/self/maps").read_text(encoding="ascii", errors="replace"):
    from PyQt6 import QtCore, QtGui, QtWidgets

    Action: Any = QtGui.QAction
    QUEUED = QtCore.Qt.ConnectionType.QueuedConnection
    READ = QtCore.QSocketNotifier.Type.Read
else:
    from PyQt5 import QtCore, QtWidgets

    Action = QtWidgets.QAction
    QUEUED = QtCore.Qt.QueuedConnection
    READ = QtCore.QSocketNotifier.Read

# Made by each script_load: OBS unloads and loads scripts again when the scene collection changes.
_servers: list[socket.socket] = []
_notifiers: list[Any] = []


def _named(kind: Any, matches: Any) -> Any:
    for window in QtWidgets.QApplication.topLevelWidgets():
        for child in window.findChildren(kind):
            if matches(child):
                return child
    raise LookupError("OBS has no such button or menu entry")


def press(name: str) -> None:
    """Clicks the button whose Qt object name is `name`."""
    button = _named(QtWidgets.QAbstractButton, lambda child: child.objectName() == name)
    QtCore.QMetaObject.invokeMethod(button, "click", QUEUED)


def trigger(text: str) -> None:
    """Chooses the menu entry that reads `text`."""
    action = _named(Action, lambda child: child.text().replace("&", "") == text)
    QtCore.QMetaObject.invokeMethod(action, "trigger", QUEUED)


def is_open(title: str) -> bool:
    """Whether a visible window has this title."""
    return any(w.isVisible() and w.windowTitle() == title for w in QtWidgets.QApplication.topLevelWidgets())


def texts(title: str) -> list[str]:
    """What the labels, buttons and lists of the visible window of this title say."""
    found: list[str] = []
    for window in QtWidgets.QApplication.topLevelWidgets():
        if window.isVisible() and window.windowTitle() == title:
            found += [label.text() for label in window.findChildren(QtWidgets.QLabel)]
            found += [button.text() for button in window.findChildren(QtWidgets.QAbstractButton)]
            for box in window.findChildren(QtWidgets.QComboBox):
                found += [box.itemText(index) for index in range(box.count())]
    return found


_namespace: dict[str, Any] = {
    "QtCore": QtCore,
    "QtWidgets": QtWidgets,
    "press": press,
    "trigger": trigger,
    "is_open": is_open,
    "texts": texts,
}


def _answer() -> None:
    server = _servers[-1]
    source, sender = server.recvfrom(1 << 16)
    _namespace["result"] = None
    try:
        exec(compile(source.decode("utf-8"), "<harness>", "exec"), _namespace)
        reply = {"result": _namespace["result"]}
    except Exception:  # noqa: BLE001 - whatever the harness's code raises belongs to the harness
        reply = {"error": traceback.format_exc()}
    server.sendto(json.dumps(reply).encode("utf-8"), sender)


def script_load(settings: object) -> None:
    """Called by OBS on its user interface thread."""
    path = os.environ["OBS_TEST_SOCKET"]
    with contextlib.suppress(FileNotFoundError):
        Path(path).unlink()
    server = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    server.bind(path)
    _servers.append(server)
    notifier = QtCore.QSocketNotifier(server.fileno(), READ)
    notifier.activated.connect(_answer)
    _notifiers.append(notifier)


def script_unload() -> None:
    """Called by OBS on its user interface thread."""
    for notifier in _notifiers:
        notifier.setEnabled(False)
    _notifiers.clear()
    for server in _servers:
        server.close()
    _servers.clear()
