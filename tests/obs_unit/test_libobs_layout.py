"""The structures as ctypes lays them out against those that a C compiler makes of OBS's own headers."""

import ctypes
import shutil
import subprocess
from pathlib import Path

import pytest

HEADER = Path("/usr/include/obs/obs-module.h")


def measured_by_the_compiler(folder: Path, struct: str, fields: list[str]) -> dict[str, tuple[int, int]]:
    """Offset and size of each field of `struct`, and under "" the size of it all."""
    compiler = shutil.which("cc")
    if compiler is None or not HEADER.is_file():
        pytest.skip("needs a C compiler and libobs-dev")
    lines = [
        f'printf("{name} %zu %zu\\n", offsetof(struct {struct}, {name}), sizeof(((struct {struct} *)0)->{name}));'
        for name in fields
    ]
    source = folder / f"{struct}.c"
    source.write_text(
        "#include <stddef.h>\n#include <stdio.h>\n#include <obs-module.h>\nint main(void) {\n"
        + "\n".join(lines)
        + f'\nprintf("= %zu 0\\n", sizeof(struct {struct}));\nreturn 0;\n}}\n',
        encoding="ascii",
    )
    program = folder / struct
    subprocess.run([compiler, "-w", f"-I{HEADER.parent}", str(source), "-o", str(program)], check=True)
    answer = subprocess.run([str(program)], check=True, capture_output=True, text=True).stdout
    rows = (line.split() for line in answer.splitlines())
    return {name.replace("=", ""): (int(offset), int(size)) for name, offset, size in rows}


@pytest.mark.parametrize(("struct", "name"), [("obs_source_frame", "SourceFrame"), ("obs_source_info", "SourceInfo")])
def test_a_structure_is_laid_out_as_in_c(tmp_path: Path, struct: str, name: str) -> None:
    from deepfake_core.obs import libobs

    ours = getattr(libobs, name)
    fields = [field[0] for field in ours._fields_]
    theirs = measured_by_the_compiler(tmp_path, struct, fields)
    whole = theirs.pop("")[0]
    assert {field: (getattr(ours, field).offset, getattr(ours, field).size) for field in fields} == theirs
    # obs_source_info has grown at its end since 29.0.2; obs_source_frame has not.
    assert ctypes.sizeof(ours) <= whole if name == "SourceInfo" else ctypes.sizeof(ours) == whole


def test_constants_are_those_of_the_headers(tmp_path: Path) -> None:
    from deepfake_core.obs import libobs
    from deepfake_core.pixel_format import PixelFormat

    compiler = shutil.which("cc")
    if compiler is None or not HEADER.is_file():
        pytest.skip("needs a C compiler and libobs-dev")
    wanted = {
        "OBS_SOURCE_TYPE_FILTER": libobs.SOURCE_TYPE_FILTER,
        "OBS_SOURCE_VIDEO": libobs.OUTPUT_VIDEO,
        "OBS_SOURCE_ASYNC": libobs.OUTPUT_ASYNC,
        "OBS_SOURCE_SRGB": libobs.OUTPUT_SRGB,
        "OBS_COMBO_TYPE_LIST": libobs.COMBO_TYPE_LIST,
        "OBS_COMBO_FORMAT_STRING": libobs.COMBO_FORMAT_STRING,
        "OBS_TEXT_INFO": libobs.TEXT_INFO,
        "OBS_TASK_UI": libobs.TASK_UI,
        "LOG_ERROR": libobs.LOG_ERROR,
        "LOG_WARNING": libobs.LOG_WARNING,
        "LOG_INFO": libobs.LOG_INFO,
        "MAX_AV_PLANES": libobs.MAX_PLANES,
        **{f"VIDEO_FORMAT_{name}": int(value) for name, value in PixelFormat.__members__.items()},
    }
    source = tmp_path / "constants.c"
    checks = "\n".join(f'_Static_assert({name} == {value}, "{name}");' for name, value in wanted.items())
    source.write_text(f"#include <obs-module.h>\n{checks}\n", encoding="ascii")
    command = [compiler, "-w", "-fsyntax-only", f"-I{HEADER.parent}", str(source)]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
