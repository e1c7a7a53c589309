"""OBS Deepfake: the file that OBS loads (Tools > Scripts > +). All else is in deepfake_core.

OBS runs this file again at each reload, but never what it imports: what must outlive a reload lives there.
"""

import site
import sys
from pathlib import Path
from types import ModuleType

ROOT = Path(__file__).resolve().parent
CURE = "Run `python3 tools/start.py` in the project's folder, then press Reload Scripts."


class EnvironmentProblem(RuntimeError):
    """Why the filter cannot run; its text is one sentence with the cure."""


def site_packages() -> Path:
    """The packages of .venv when they fit the Python inside OBS. Raises EnvironmentProblem."""
    configuration = ROOT / ".venv" / "pyvenv.cfg"
    try:
        lines = configuration.read_text(encoding="utf-8").splitlines()
    except OSError:
        raise EnvironmentProblem(f"The environment .venv is missing. {CURE}") from None
    values = {key.strip(): value.strip() for key, _, value in (line.partition("=") for line in lines)}
    version = values.get("version_info") or values.get("version") or "unknown"
    ours = f"{sys.version_info.major}.{sys.version_info.minor}"
    if ".".join(version.split(".")[:2]) != ours:
        raise EnvironmentProblem(f"The environment .venv is for Python {version}, but OBS runs Python {ours}. {CURE}")
    library = ("Lib",) if sys.platform == "win32" else ("lib", f"python{ours}")
    return configuration.parent.joinpath(*library, "site-packages")


def registration() -> ModuleType:
    """The part that works without the environment. Raises EnvironmentProblem."""
    if str(ROOT) not in sys.path:
        sys.path.insert(0, str(ROOT))
    try:
        import deepfake_core.obs.registration as module
    except Exception as error:
        raise EnvironmentProblem(f"The filter cannot be registered ({error}). Get the project again.") from error
    return module


def script() -> ModuleType:
    """The part that brings the filters to life. Raises EnvironmentProblem."""
    registration()
    packages = str(site_packages())
    if packages not in sys.path:
        site.addsitedir(packages)
    try:
        import deepfake_core.obs.script as module
    except Exception as error:
        raise EnvironmentProblem(f"The environment .venv is incomplete or damaged ({error}). {CURE}") from error
    return module


def script_description() -> str:
    """What OBS shows beside the list of scripts."""
    try:
        script()
    except EnvironmentProblem as problem:
        return f"<h2>OBS Deepfake</h2><p><b>{problem}</b></p><p>Cameras with the filter stay hidden meanwhile.</p>"
    return (
        "<h2>OBS Deepfake</h2><p>Adds the filter <b>Deepfake</b>: a camera's Filters > + > Deepfake. "
        "Every picture is marked as AI-modified.</p>"
    )


def script_load(_settings: object) -> None:
    """Register the filter and bring it to life; without its environment it exists, but shows nothing."""
    try:
        type_ = registration()
    except EnvironmentProblem:
        return  # The description says it; there is no log to be reached.
    try:
        script().load()
    except EnvironmentProblem as problem:
        type_.take_implementation(str(problem))
        type_.register()
        type_.libobs.log(type_.libobs.LOG_ERROR, str(problem))


def script_properties() -> object:
    """What OBS shows below the list of scripts; nothing where the environment is missing."""
    try:
        return script().properties()
    except EnvironmentProblem:
        return None  # The description says it.


def script_update(settings: object) -> None:
    """The user changed what `script_properties` shows, or OBS loaded it."""
    try:
        script().update(settings)
    except EnvironmentProblem:
        return  # The description says it.


def script_unload() -> None:
    """Stop all workers. The type stays registered: its filters show nothing until the script is back."""
    module = sys.modules.get("deepfake_core.obs.script")
    if module is not None:
        module.unload()
