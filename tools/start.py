"""Starts OBS with the filter on a camera and the virtual camera on; prepares all that this needs.

    python3 tools/start.py                       the first camera, or the bundled clip where there is none
    python3 tools/start.py --video talk.mp4      a file in place of the camera
    python3 tools/start.py --check               what it would do and what is missing; changes nothing
    python3 tools/start.py --seconds 10 --record out.mkv     unattended, without a screen

Standard library only: it runs on a machine that has nothing but Python.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import environment
import obs_install
import obs_process
import obs_profile
import system_packages
import v4l2

REPOSITORY = environment.REPOSITORY
SCRIPT = REPOSITORY / "obs_deepfake.py"
IDENTITIES = REPOSITORY / "models" / "identities"
PERFORMER = REPOSITORY / "models" / "performer.mp4"
LOOPBACK_CURE = (
    "sudo apt-get install v4l2loopback-dkms && "
    "sudo modprobe v4l2loopback exclusive_caps=1 card_label='OBS Virtual Camera'"
)


class StartRefused(RuntimeError):
    """What was asked for is not possible; the text says why and what helps."""


class RunFailed(RuntimeError):
    """An unattended run ended without the picture that it should have made."""


# Each has one sentence with the cure as its text; anything else is a fault of ours and shows its traceback.
EXPECTED_ERRORS = (
    StartRefused,
    RunFailed,
    *environment.EXPECTED_ERRORS,
    obs_process.DisplayFailed,
    obs_process.ObsFailed,
    obs_profile.CollectionForeign,
    v4l2.CameraUnusable,
)


def main() -> int:
    """The command; returns its exit code."""
    options = parse_arguments()
    # A run that is ended from outside takes its OBS and its display along.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    try:
        if platform.system() != "Linux":
            return prepare_elsewhere(options)
        if options.check:
            return check(options)
        return start(options)
    except EXPECTED_ERRORS as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("Interrupted.", file=sys.stderr)
        return 128 + signal.SIGINT


def parse_arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    picture = parser.add_mutually_exclusive_group()
    picture.add_argument("--camera", metavar="DEVICE", help="such as /dev/video2; default: the first camera")
    picture.add_argument("--video", metavar="FILE", type=Path, help="plays a file as the camera")
    parser.add_argument("--identity", metavar="NAME", help="folder name in models/identities")
    parser.add_argument("--no-virtual-camera", action="store_true", help="leaves OBS's virtual camera off")
    parser.add_argument("--gpu", action="store_true", help="installs ONNX Runtime for NVIDIA GPUs into .venv")
    parser.add_argument("--headless", action="store_true", help="runs without a screen (Xvfb) until Ctrl+C")
    parser.add_argument("--seconds", metavar="N", type=float, help="closes OBS after N seconds; implies --headless")
    parser.add_argument("--record", metavar="FILE.mkv", type=Path, help="records OBS's picture; needs --seconds")
    parser.add_argument("--check", action="store_true", help="says what would be done and what is missing, no more")
    options = parser.parse_args()
    if options.record and not options.seconds:
        parser.error("--record needs --seconds")
    if options.record and options.record.suffix != ".mkv":
        parser.error("--record writes Matroska: the file's name must end in .mkv")
    if options.seconds is not None and not 1 <= options.seconds <= 86400:
        parser.error("--seconds takes 1 to 86400")
    options.headless = options.headless or options.seconds is not None
    return options


def start(options: argparse.Namespace) -> int:
    """Prepares everything and runs OBS until it is closed; returns the exit code."""
    check_options(options)
    obs_install.install()
    if options.headless:
        system_packages.install(obs_install.HEADLESS_PACKAGES)
    python = environment.prepare("gpu" if options.gpu else "cpu", embedded_python())
    source, what = choose_source(options, python)
    print(f"Camera: {what}")
    setup = obs_profile.Setup(source, SCRIPT, {"identity": options.identity} if options.identity else {})
    for path in obs_profile.write(obs_profile.folder(), setup):
        print(f"Wrote {path}")
    arguments = list(obs_profile.ARGUMENTS)
    if not options.no_virtual_camera:
        if v4l2.loopback_loaded():
            arguments.append("--startvirtualcam")
        else:
            print(f"No virtual camera: v4l2loopback is not loaded. To get it: {LOOPBACK_CURE}")
    if options.headless:
        return run_headless(options, setup, arguments, python)
    return run_on_screen(arguments)


def check_options(options: argparse.Namespace) -> None:
    """Raises StartRefused for what can be seen to fail before anything is installed."""
    known = identities()
    if options.identity and options.identity not in known:
        raise StartRefused(f"There is no identity {options.identity!r}; there are: {', '.join(known) or 'none'}.")
    if options.video and not options.video.is_file():
        raise StartRefused(f"There is no file {options.video}.")
    if options.gpu and shutil.which("nvidia-smi") is None:
        raise StartRefused("There is no NVIDIA driver here (nvidia-smi is missing): start without --gpu.")
    if options.record and not options.record.resolve().parent.is_dir():
        raise StartRefused(f"The folder {options.record.resolve().parent} does not exist.")
    if not options.headless and not has_screen():
        raise StartRefused("There is no screen here: add --headless.")


def identities() -> list[str]:
    """Names of the identities that are installed."""
    folders = [path.parent.name for path in IDENTITIES.glob("*/identity.json")]
    return sorted([*folders, *(path.stem for path in IDENTITIES.glob("*.identity"))])


def has_screen() -> bool:
    """Whether a window could be shown."""
    return bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))


def embedded_python() -> str:
    """Minor version of the Python inside the installed OBS. Raises StartRefused or environment.PythonUnsupported."""
    version = obs_install.embedded_python()
    if version is None:
        raise StartRefused(
            "This OBS has no Python scripting (libobs-scripting): install your distribution's OBS package."
        )
    environment.check_supported(version)
    return version


def choose_source(options: argparse.Namespace, python: Path) -> tuple[obs_profile.Source, str]:
    """The source that plays the camera's part, and its description."""
    if options.video:
        return video_source(options.video.resolve(), python)
    if options.camera:
        return camera_source(v4l2.open_camera(options.camera))
    found = v4l2.cameras()
    if found:
        return camera_source(found[0])
    if not PERFORMER.is_file():
        raise StartRefused("There is no camera, and models/performer.mp4 is missing: use --video FILE.")
    source, what = video_source(PERFORMER, python)
    return source, f"none found; {what}"


def camera_source(camera: v4l2.Camera) -> tuple[obs_profile.Source, str]:
    """A camera in its best mode."""
    mode = camera.best_mode()
    source = obs_profile.camera(camera.device, mode.fourcc, mode.width, mode.height, mode.interval)
    return source, f"{camera.device} ({camera.name}), {mode}"


def video_source(path: Path, python: Path) -> tuple[obs_profile.Source, str]:
    """A file that plays in a loop. Raises StartRefused where it is not a video."""
    command = [str(python), str(REPOSITORY / "tools" / "probe_video.py"), str(path)]
    answer = subprocess.run(command, capture_output=True, text=True, check=False)
    if answer.returncode != 0:
        raise StartRefused(answer.stderr.strip().splitlines()[-1])
    facts = json.loads(answer.stdout)
    rate = (facts["rate_numerator"], facts["rate_denominator"])
    picture = obs_profile.Picture(facts["width"], facts["height"], rate)
    return obs_profile.video_file(path, picture), f"{path}, {facts['width']}x{facts['height']} at {rate[0] / rate[1]:g}"


def run_on_screen(arguments: list[str]) -> int:
    """Runs OBS with the user's own settings until its window is closed."""
    folder = obs_profile.folder()
    first_time = obs_profile.write_first_run(folder, obs_install.version())
    before = {} if first_time else obs_profile.remembered(folder)
    print("Starting OBS. Close its window to end.", flush=True)
    # A session of its own: Ctrl+C in the terminal must not reach OBS, whose handler for it can hang.
    # Its working folder is the first place where it looks for scripts.
    command = [str(obs_install.program()), *arguments]
    process = subprocess.Popen(command, cwd=REPOSITORY, env=obs_install.variables(), start_new_session=True)
    while process.poll() is None:
        try:
            process.wait()
        except KeyboardInterrupt:
            print(" Please close OBS through its window: it saves its settings then.")
    obs_profile.remember(before)
    return process.returncode


def run_headless(options: argparse.Namespace, setup: obs_profile.Setup, arguments: list[str], python: Path) -> int:
    """Runs OBS without a screen on a copy of our profile, so that none of the user's settings can stop or change it."""
    with tempfile.TemporaryDirectory(prefix="obs-deepfake-") as scratch:
        home = Path(scratch)
        copy = home / "obs-studio"
        for part in (f"basic/profiles/{obs_profile.NAME}/basic.ini", f"basic/scenes/{obs_profile.NAME}.json"):
            (copy / part).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(obs_profile.folder() / part, copy / part)
        obs_profile.write(copy, replace(setup, recordings=home))
        obs_profile.write_first_run(copy, obs_install.version(), obs_process.UNATTENDED_SETTINGS)
        if options.record:
            arguments = [*arguments, "--startrecording"]
        status = home / "status.jsonl"
        with obs_process.Display() as display:
            obs = obs_process.Obs(home, display.name, arguments, home / "obs.log", {"OBS_DEEPFAKE_STATUS": str(status)})
            try:
                obs.wait_until_ready()
                recording = Path(obs.wait_for(r"Writing file '([^']+)'")[1]) if options.record else None
                wait(obs, options.seconds)
                exit_code = obs.close()
            except EXPECTED_ERRORS:
                print(obs.text()[-4000:], file=sys.stderr)
                raise
            finally:
                if obs.process.poll() is None:
                    obs.kill()
        if exit_code != 0:
            raise RunFailed(f"OBS ended with exit code {exit_code}.")
        if options.seconds is None:
            return 0
        report = verify(status, obs.text(), recording, copy, python)
        if recording is not None:
            shutil.move(recording, options.record)
            report += f", recorded to {options.record}"
        print(report)
    return 0


def wait(obs: obs_process.Obs, seconds: float | None) -> None:
    """Waits that long, or until Ctrl+C. Raises RunFailed when OBS ends by itself."""
    print("OBS is running." if seconds else "OBS is running. Ctrl+C ends it.", flush=True)
    deadline = None if seconds is None else time.monotonic() + seconds
    try:
        while deadline is None or time.monotonic() < deadline:
            if obs.process.poll() is not None:
                raise RunFailed(f"OBS ended by itself with exit code {obs.process.returncode}.")
            time.sleep(0.1)
    except KeyboardInterrupt:
        if seconds is not None:
            raise


def verify(status: Path, log: str, recording: Path | None, settings_folder: Path, python: Path) -> str:
    """What an unattended run achieved, in words. Raises RunFailed unless frames were swapped, marked and written."""
    lines = status.read_text(encoding="utf-8").splitlines() if status.exists() else []
    if not lines:
        said = re.findall(r"\[Deepfake\] (.*)", log)
        raise RunFailed(f"The filter did not run. {said[0] if said else 'OBS names no reason in its log.'}")
    last: dict[str, Any] = json.loads(lines[-1])
    if not last["frames_swapped"] or not last["frames_out"]:
        raise RunFailed(f"No face was swapped in {last['frames_in']} frames: {last['last_error'] or 'no face seen'}.")
    report = (
        f"{last['frames_swapped']} of {last['frames_in']} frames swapped with {last['identity']} ({last['provider']})"
    )
    if recording is None:
        return report
    values = filter_settings(settings_folder)
    command = [str(python), str(REPOSITORY / "tools" / "check_recording.py"), str(recording)]
    command += ["--corner", values.get("label_corner", "top_right"), "--language", values.get("label_language", "en")]
    answer = subprocess.run(command, capture_output=True, text=True, check=False)
    if answer.returncode == 1:
        raise RunFailed(f"Frames without a label were recorded: {answer.stdout.strip()}.")
    if answer.returncode != 0:
        raise RunFailed(f"The recording could not be checked: {answer.stderr.strip()}")
    counts = json.loads(answer.stdout)
    return f"{report}, {counts['sampled']} of {counts['frames']} frames looked at and all marked"


def filter_settings(settings_folder: Path) -> dict[str, Any]:
    """The filter's settings in our scene collection; what is not named there has its default."""
    text = (settings_folder / "basic" / "scenes" / f"{obs_profile.NAME}.json").read_text(encoding="utf-8")
    source = next(source for source in json.loads(text)["sources"] if source["name"] == obs_profile.SOURCE)
    ours = next(entry for entry in source["filters"] if entry["id"] == obs_profile.FILTER_ID)
    settings: dict[str, Any] = ours["settings"]
    return settings


def check(options: argparse.Namespace) -> int:
    """Prints what start would do; changes nothing. Returns 1 where something stands in the way."""
    blocked = False
    for name, step in (
        ("options", check_step_options),
        ("OBS", check_step_obs),
        ("environment", check_step_environment),
        ("camera", check_step_camera),
        ("settings", check_step_settings),
        ("virtual camera", check_step_virtual_camera),
    ):
        try:
            print(f"{name}: {step(options)}")
        except EXPECTED_ERRORS as error:
            print(f"{name}: {error}")
            blocked = True
    return 1 if blocked else 0


def check_step_options(options: argparse.Namespace) -> str:
    """Options that cannot work."""
    check_options(options)
    return "ok"


def check_step_obs(options: argparse.Namespace) -> str:
    """OBS and the packages for a run without a screen."""
    wanted = () if obs_install.program() else obs_install.PACKAGES
    if options.headless:
        wanted += obs_install.HEADLESS_PACKAGES
    missing = system_packages.missing(wanted)
    if missing:
        return f"would install {' '.join(missing)} with apt{'' if os.geteuid() == 0 else ' (asks for sudo)'}"
    version = obs_install.version()
    return f"ok, {'.'.join(map(str, version)) if version else 'unknown version'} ({obs_install.program()})"


def check_step_environment(options: argparse.Namespace) -> str:
    """The Python inside OBS and the virtual environment for it."""
    if obs_install.program() is None:
        return "would be made in .venv for the Python that OBS brings"
    version = embedded_python()
    if environment.is_ready("gpu" if options.gpu else "cpu", version):
        return f"ok, .venv for Python {version}"
    return f"would be made in .venv for Python {version}, the one inside OBS"


def check_step_camera(options: argparse.Namespace) -> str:
    """What would play the camera's part."""
    if options.video:
        return f"would play {options.video}"
    if not options.camera and not v4l2.cameras():
        return "none found: would play models/performer.mp4"
    camera = v4l2.open_camera(options.camera) if options.camera else v4l2.cameras()[0]
    return f"ok, {camera_source(camera)[1]}"


def check_step_settings(options: argparse.Namespace) -> str:
    """OBS's profile and scene collection."""
    folder = obs_profile.folder()
    kept = (folder / "basic" / "scenes" / f"{obs_profile.NAME}.json").exists()
    return f'{"would use" if kept else "would add"} the profile and scene collection "{obs_profile.NAME}" in {folder}'


def check_step_virtual_camera(options: argparse.Namespace) -> str:
    """OBS's virtual camera."""
    if options.no_virtual_camera:
        return "off, as asked"
    return "ok, would be on" if v4l2.loopback_loaded() else f"missing, would start without. To get it: {LOOPBACK_CURE}"


def prepare_elsewhere(options: argparse.Namespace) -> int:
    """Windows and macOS: the environment, and the clicks that a person makes in OBS."""
    if options.check:
        print(f"environment: {'ok' if environment.is_ready('cpu') else 'would be made in .venv'}")
        return 0
    environment.prepare("gpu" if options.gpu else "cpu")
    settings = (REPOSITORY / ".venv" / "pyvenv.cfg").read_text(encoding="utf-8")
    home = next(line.split("=", 1)[1].strip() for line in settings.splitlines() if line.startswith("home"))
    print("The environment is ready. Three clicks in OBS:")
    print(f"  1. Tools > Scripts > Python Settings: choose {home}")
    print(f"  2. Tools > Scripts > Scripts, +: choose {SCRIPT}")
    print('  3. Filters of your camera, + under Audio/Video Filters: choose "Deepfake"')
    print("Then press Start Virtual Camera.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
