"""A real OBS for tests: its own display and settings, a websocket, an emulated camera and virtual camera."""

from __future__ import annotations

import base64
import itertools
import json
import os
import re
import socket
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import TracebackType
from typing import Any

import cv2
import numpy as np
import obs_install
import obs_process
import obs_profile
import websocket

HERE = Path(__file__).resolve().parent
REPOSITORY = HERE.parent.parent
SCRIPT = REPOSITORY / "obs_deepfake.py"
DRIVER = HERE / "scripts" / "obs_driver.py"
FOOTAGE = REPOSITORY.parent / "shared" / "footage"
BT709_TO_BGR = np.array(
    [[1.1644, 2.1124, 0.0, -289.017], [1.1644, -0.2132, -0.5329, 76.878], [1.1644, 0.0, 1.7927, -248.101]]
)
SOURCE, FILTER = obs_profile.SOURCE, obs_profile.FILTER
PROPERTIES = f"Filters for '{SOURCE}'"


@cache
def camera_shim() -> Path:
    """Compiles camera_shim.c; returns the library to preload."""
    library = REPOSITORY / "build" / "camera_shim.so"
    library.parent.mkdir(exist_ok=True)
    building = library.with_suffix(f".{os.getpid()}")
    command = ["cc", "-O2", "-Wall", "-Wextra", "-Werror", "-shared", "-fPIC", "-o", building, HERE / "camera_shim.c"]
    subprocess.run([*map(str, command), "-ldl", "-lpthread"], check=True)
    building.replace(library)
    return library


@dataclass(frozen=True)
class Camera:
    """What the emulated camera plays: a file of raw frames or JPEGs in one format and size."""

    file: Path
    fourcc: str
    width: int
    height: int
    rate: int = 30

    def variables(self) -> dict[str, str]:
        """Environment of the shim."""
        return {
            "SHIM_CAMERA": str(self.file),
            "SHIM_FORMAT": self.fourcc,
            "SHIM_WIDTH": str(self.width),
            "SHIM_HEIGHT": str(self.height),
            "SHIM_RATE": str(self.rate),
        }

    def source(self) -> obs_profile.Source:
        """The OBS source that reads it."""
        return obs_profile.camera("/dev/video0", self.fourcc, self.width, self.height, (1, self.rate))


@dataclass(frozen=True)
class Ended:
    """How an OBS ended."""

    exit_code: int
    leaks: int
    log: str


class Harness:
    """One OBS from start to end; a context manager that never leaves a process behind."""

    def __init__(
        self,
        folder: Path,
        source: obs_profile.Source | None = None,
        *,
        camera: Camera | None = None,
        virtual_camera: bool = False,
        record: bool = False,
        with_filter: bool = True,
        script: Path | None = SCRIPT,
        settings: dict[str, Any] | None = None,
        script_settings: dict[str, Any] | None = None,
    ) -> None:
        """Prepares settings below `folder` (a scratch folder).

        source: what plays the camera's part, unless `camera` is given. with_filter: the camera has the filter from the
        start. script: the product's script; None leaves it out (a baseline). settings: those of the filter;
        script_settings: those of the script.
        """
        plays = camera.source() if camera else source
        if plays is None:
            raise ValueError("a harness needs a source or a camera")
        self.folder = folder
        self.virtual_camera_file = folder / "virtual_camera.yuyv"
        self.canvas = plays.picture.canvas
        self._config = folder / "config"
        self._status = folder / "status.jsonl"
        self._socket = folder / "driver.socket"
        self._arguments = [*obs_profile.ARGUMENTS]
        if virtual_camera:
            self._arguments.append("--startvirtualcam")
        if record:
            self._arguments.append("--startrecording")
        self._port = _free_port()
        obs_settings = obs_process.UNATTENDED_SETTINGS | {
            "OBSWebSocket": {
                "FirstLoad": "false",
                "ServerEnabled": "true",
                "ServerPort": str(self._port),
                "AuthRequired": "false",
                "AlertsEnabled": "false",
            },
            "scripts-tool": {"prevScriptRow": "0"},
        }
        setup = obs_profile.Setup(
            plays,
            script,
            settings or {},
            recordings=folder,
            with_filter=with_filter,
            extra_scripts=(DRIVER,),
            script_settings=script_settings or {},
        )
        obs_profile.write_first_run(self._config / "obs-studio", obs_install.version(), obs_settings)
        obs_profile.write(self._config / "obs-studio", setup)
        self._variables = {
            "HOME": str(folder),
            "OBS_DEEPFAKE_STATUS": str(self._status),
            "OBS_TEST_SOCKET": str(self._socket),
        }
        if camera or virtual_camera:
            self._variables |= {"LD_PRELOAD": str(camera_shim()), **(camera.variables() if camera else {})}
        if virtual_camera:
            self._variables["SHIM_OUTPUT"] = str(self.virtual_camera_file)

    def __enter__(self) -> Harness:
        self._display = obs_process.Display()
        try:
            self.obs = obs_process.Obs(
                self._config, self._display.name, self._arguments, self.folder / "obs.log", self._variables
            )
            self.obs.wait_until_ready()
            self._connect()
            self.wait(self._socket.exists, "the driver script")
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if hasattr(self, "obs") and self.obs.process.poll() is None:
            self.obs.kill()
        self._display.__exit__(None, None, None)

    @property
    def display(self) -> str:
        """X display that OBS is on."""
        return self._display.name

    def request(self, kind: str, **data: Any) -> dict[str, Any]:
        """Asks obs-websocket (protocol 5). Raises RuntimeError with OBS's words where it refuses."""
        self._requests += 1
        message = {"requestType": kind, "requestId": str(self._requests), "requestData": data}
        self._websocket.send(json.dumps({"op": 6, "d": message}))
        while True:
            answer = json.loads(self._websocket.recv())
            if answer["op"] == 7 and answer["d"]["requestId"] == str(self._requests):
                status = answer["d"]["requestStatus"]
                if not status["result"]:
                    raise RuntimeError(f"{kind}: {status}")
                return answer["d"].get("responseData") or {}

    def execute(self, source: str) -> Any:
        """Runs Python inside OBS, on its user interface thread; returns what it left in `result`."""
        client = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        try:
            client.bind("")  # a name of the kernel's choice, for the answer
            client.settimeout(30)
            client.sendto(source.encode("utf-8"), str(self._socket))
            answer = json.loads(client.recv(1 << 20))
        finally:
            client.close()
        if "error" in answer:
            raise RuntimeError(answer["error"])
        return answer["result"]

    def open_scripts(self) -> None:
        """Opens Tools > Scripts, where the product's script is the first and selected."""
        self.execute("trigger('Scripts')")
        self.wait(lambda: self.execute("result = is_open('Scripts')"), "the window Scripts")

    def reload_script(self) -> None:
        """Presses Reload in the window Scripts; returns when OBS has done it."""
        self.execute("press('reloadScripts')")
        self.execute("pass")  # answered after the click, which is ahead of it in OBS's event queue

    def open_properties(self) -> None:
        """Opens the window with the filter's properties."""
        self.request("OpenInputFiltersDialog", inputName=SOURCE)
        self.wait(lambda: self.execute(f"result = is_open({PROPERTIES!r})"), "the properties")

    def properties(self) -> list[str]:
        """What the open window with the filter's properties says."""
        found: list[str] = self.execute(f"result = texts({PROPERTIES!r})")
        return found

    def wait(self, condition: Any, what: str, timeout: float = 30) -> Any:
        """Waits until `condition()` is true and returns its value. Raises TimeoutError naming `what`."""
        deadline = time.monotonic() + timeout
        while True:
            value = condition()
            if value:
                return value
            if time.monotonic() > deadline:
                raise TimeoutError(f"{what} did not come within {timeout:g} s")
            time.sleep(0.1)

    def statuses(self) -> list[dict[str, Any]]:
        """What the filters reported so far, oldest first."""
        if not self._status.exists():
            return []
        lines = self._status.read_text(encoding="utf-8").splitlines(keepends=True)
        return [json.loads(line) for line in lines if line.endswith("\n")]

    def wait_for_swapped(self, frames: int = 1, timeout: float = 30) -> dict[str, Any]:
        """Waits until a filter has replaced `frames` more faces than now; returns its report."""
        seen = len(self.statuses())

        def enough() -> dict[str, Any] | None:
            reports = self.statuses()[max(0, seen - 1) :]
            counts = [report["frames_swapped"] for report in reports]
            # A filter made anew, as after a reload, counts from 0 again.
            gained = sum(now - before if now >= before else now for before, now in itertools.pairwise(counts))
            return reports[-1] if gained >= frames else None

        try:
            found: dict[str, Any] = self.wait(enough, f"{frames} swapped frames", timeout)
        except TimeoutError as error:
            raise TimeoutError(f"{error}; the last report is {self.statuses()[-1:]}") from None
        return found

    def identities(self) -> list[str]:
        """Names of the identities that the filter offers."""
        return sorted(path.parent.name for path in (REPOSITORY / "models" / "identities").glob("*/identity.json"))

    def picture(self) -> np.ndarray:
        """The source as OBS shows it, filters included: uint8 BGR."""
        answer = self.request("GetSourceScreenshot", sourceName=SOURCE, imageFormat="png")
        data = base64.b64decode(answer["imageData"].partition(",")[2])
        picture = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
        if picture is None:
            raise RuntimeError("OBS sent a picture that cannot be read")
        return picture

    def window_picture(self, path: Path) -> None:
        """Writes a picture of the whole display."""
        command = ["import", "-display", self.display, "-window", "root", str(path)]
        subprocess.run(command, check=True, capture_output=True)

    def memory_mb(self) -> float:
        """Resident memory of OBS."""
        status = Path(f"/proc/{self.obs.process.pid}/status").read_text(encoding="ascii")
        return int(re.search(r"VmRSS:\s+(\d+)", status)[1]) / 1024  # type: ignore[index]

    def processor_seconds(self) -> float:
        """Processor time that OBS has used."""
        fields = Path(f"/proc/{self.obs.process.pid}/stat").read_text(encoding="ascii").rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def virtual_frames(self) -> Iterator[np.ndarray]:
        """What came out of the virtual camera: uint8 BGR frames (from YUYV in BT.709, limited range, as OBS writes)."""
        width, height = self.canvas
        with self.virtual_camera_file.open("rb") as frames:
            while len(data := frames.read(width * height * 2)) == width * height * 2:
                yuyv = np.frombuffer(data, np.uint8).reshape(height, width // 2, 4)
                luma = yuyv[..., 0::2].reshape(height, width)
                blue, red = (cv2.resize(np.ascontiguousarray(yuyv[..., n]), (width, height)) for n in (1, 3))
                yield cv2.transform(cv2.merge([luma, blue, red]), BT709_TO_BGR)

    def recording(self) -> Path:
        """The file that OBS records to."""
        return Path(self.obs.wait_for(r"Writing file '([^']+)'")[1])

    def close(self) -> Ended:
        """Closes OBS through its window."""
        self._websocket.close()
        exit_code = self.obs.close()
        log = self.obs.text()
        leaks = re.search(r"Number of memory leaks: (\d+)", log)
        return Ended(exit_code, int(leaks[1]) if leaks else -1, log)

    def _connect(self) -> None:
        self._requests = 0
        self._websocket = self.wait(self._try_websocket, "obs-websocket")
        self._websocket.recv()
        self._websocket.send(json.dumps({"op": 1, "d": {"rpcVersion": 1, "eventSubscriptions": 0}}))
        if json.loads(self._websocket.recv())["op"] != 2:
            raise RuntimeError("obs-websocket did not accept the connection")

    def _try_websocket(self) -> websocket.WebSocket | None:
        try:
            return websocket.create_connection(f"ws://127.0.0.1:{self._port}", timeout=30)
        except ConnectionRefusedError:  # OBS opens it a moment after its window
            return None


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
