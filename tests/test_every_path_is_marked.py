"""No picture leaves without label and watermark: finds the ways out by itself, and tries every one.

Two kinds of places are looked for in the source: where a fake is drawn, and where pictures leave the program. A new one
that is not listed here, with what proves its marks, fails. So does a new state of the pipeline.
"""

import ast
import itertools
import subprocess
import sys
import typing
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path

import av
import numpy as np
import pytest

from deepfake_core import pipeline as pipeline_module
from deepfake_core.disclosure.detection import is_labelled
from deepfake_core.disclosure.mark import MarkedFrame
from deepfake_core.disclosure.verification import Answer, verify_video
from deepfake_core.disclosure.watermark_detection import WatermarkDetector
from deepfake_core.frame import Colour, Frame, PixelFormat
from deepfake_core.identities.errors import ConsentRefused
from deepfake_core.identities.library import Library
from deepfake_core.mailbox import Mailbox
from deepfake_core.pipeline import Pipeline
from deepfake_core.settings import NoResult, Settings

REPOSITORY = Path(__file__).resolve().parents[1]
PERFORMER = REPOSITORY / "models" / "performer.mp4"
FRAMES = 4
STEP_NS = 100_000_000

# Whoever imports one of these can draw a fake.
DRAWERS = {
    "deepfake_core.swapping.swapper.Swapper",
    "deepfake_core.swapping.decoder.load_decoder",
    "deepfake_core.compositing.compositor.Compositor",
    "deepfake_core.compositing.seam.lay",
}
DRAWING = {
    "deepfake_core/pipeline.py": "tried below, in every state",
    "deepfake_core/training/driver_sheet.py": "tests/training/test_driver_sheet.py",
    "deepfake_core/evaluation/autoencoder.py": "tests/evaluation/test_candidates.py",
    "deepfake_core/evaluation/candidates.py": "tests/evaluation/test_candidates.py",
    "deepfake_core/training/response.py": "an identity's mouth, eyes and smile before grey, read in memory",
    "deepfake_core/training/own_base.py": "takes only the templates of people who do not exist, as drivers in samples",
    "tools/benchmark.py": "measures how long drawing takes; no picture leaves it",
    "tools/train_swap.py": "gives the decoder to driver_sheet.py and draws nothing itself",
}

# Calls that make a file, a stream or another program's memory out of pictures.
WAYS_OUT = {"imwrite", "imencode", "imshow", "from_ndarray", "tofile", "save", "savez", "savefig", "memmove", "_move"}
RENDERED = "people who do not exist, no camera's picture and no fake"
NOBODY = "no picture of anybody"
OWN = "the person's own recording, for themselves; no fake"
MARKED = "pictures that went through the pipeline or its Disclosure"
LEAVING = {
    "deepfake_core/evaluation/gallery.py": NOBODY,
    "deepfake_core/identities/consent_video.py": OWN,
    "deepfake_core/obs/source_frame.py": "only what the mailbox holds, which takes MarkedFrames alone",
    "deepfake_core/synthetic/clip.py": RENDERED,
    "deepfake_core/synthetic/dataset.py": RENDERED,
    "deepfake_core/synthetic/landmarks.py": NOBODY,
    "deepfake_core/synthetic/views.py": RENDERED,
    "deepfake_core/synthetic/webcam.py": "a compression trace, in memory",
    "deepfake_core/training/augmentation.py": "a compression trace, in memory",
    "deepfake_core/training/consent_gate.py": NOBODY,
    "deepfake_core/training/identity_views.py": RENDERED,
    "deepfake_core/training/own_base.py": NOBODY,
    "deepfake_core/training/own_identity.py": OWN,
    "deepfake_core/training/own_training.py": NOBODY,
    "deepfake_core/training/own_video.py": OWN,
    "deepfake_core/training/packing.py": "an identity's texture, behind its consent",
    "deepfake_core/training/parser_augmentation.py": "a compression trace, in memory",
    "deepfake_core/training/parser_preview.py": "training pictures beside their labels; no fake",
    "deepfake_core/training/parser_trainer.py": NOBODY,
    "deepfake_core/training/report.py": "tests/training/test_trainer.py",
    "deepfake_core/training/trainer.py": NOBODY,
    "deepfake_core/training/workspace.py": RENDERED,
    "tools/benchmark.py": NOBODY,
    "tools/convert_canonical_face.py": NOBODY,
    "tools/deepfake_signs.py": MARKED,
    "tools/evaluate.py": MARKED,
    "tools/identity_films.py": "tests/tools/test_identity_films.py",
    "tools/import_dfm.py": NOBODY,
    "tools/measure_watermark.py": MARKED,
    "tools/measure_detection.py": RENDERED,
    "tools/mediapipe_reference.py": NOBODY,
    "tools/readme_pictures.py": "what OBS shows: the virtual camera's pictures",
    "tools/render_labels.py": "the label itself",
    "tools/render_people.py": RENDERED,
    "tools/swap_video.py": "tried below",
    "tools/train_embedding.py": NOBODY,
    "tools/train_swap.py": "the sheets of evaluation.py and driver_sheet.py, both marked",
}


def source_files() -> Iterator[tuple[str, ast.Module]]:
    paths = [REPOSITORY / "obs_deepfake.py"]
    for folder in ("deepfake_core", "tools"):
        paths += sorted((REPOSITORY / folder).rglob("*.py"))
    for path in paths:
        yield path.relative_to(REPOSITORY).as_posix(), ast.parse(path.read_text(encoding="utf-8"))


def called(tree: ast.Module) -> set[str]:
    functions = (node.func for node in ast.walk(tree) if isinstance(node, ast.Call))
    return {
        function.attr if isinstance(function, ast.Attribute) else function.id
        for function in functions
        if isinstance(function, ast.Attribute | ast.Name)
    }


def imported(tree: ast.Module) -> set[str]:
    """Dotted names of all that a file imports."""
    names = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom):
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
    return names


def test_fakes_are_drawn_only_where_their_marks_are_proved() -> None:
    drawing = {name for name, tree in source_files() if imported(tree) & DRAWERS}
    assert drawing == DRAWING.keys()


def test_pictures_leave_only_where_their_marks_are_proved() -> None:
    leaving = {name for name, tree in source_files() if called(tree) & WAYS_OUT}
    assert leaving == LEAVING.keys()


def test_only_disclosure_makes_a_marked_frame_and_the_mailbox_takes_nothing_else() -> None:
    making = {name for name, tree in source_files() if "MarkedFrame" in called(tree)}
    assert making == {"deepfake_core/disclosure/mark.py"}
    with pytest.raises(TypeError):
        MarkedFrame(Frame.from_bgr(np.zeros((64, 64, 3), np.uint8)))
    assert typing.get_type_hints(Mailbox.publish)["marked"] is MarkedFrame


def test_the_pipeline_gives_out_marked_frames_alone() -> None:
    public = {name: method for name, method in vars(Pipeline).items() if callable(method) and not name.startswith("_")}
    returned = {
        name: typing.get_type_hints(method, vars(pipeline_module)).get("return") for name, method in public.items()
    }
    assert {name for name, kind in returned.items() if kind is MarkedFrame} == {"process", "placeholder"}
    assert Frame not in returned.values()


@pytest.fixture(scope="module")
def camera() -> list[np.ndarray]:
    """uint8 (480, 640, 3) BGR of the bundled performer, ten a second."""
    with av.open(str(PERFORMER)) as container:
        pictures = itertools.islice(container.decode(video=0), 0, FRAMES * 3, 3)
        return [picture.to_ndarray(format="bgr24") for picture in pictures]


class Broken:
    """A stage that fails whatever it is asked."""

    smoothing = 0.0
    eager = unaccounted = False

    def __getattr__(self, name: str) -> Callable[..., None]:
        def fail(*_: object, **__: object) -> None:
            raise RuntimeError("a stage failed")

        return fail


class Shut(Library):
    """A library that opens nothing."""

    def open(self, *_: object, **__: object) -> typing.NoReturn:
        raise ConsentRefused("The consent ended; ask for a new record.")


def loaded(settings: Settings) -> Pipeline:
    pipeline = Pipeline(settings, threads=1, provider="cpu")
    pipeline.load()
    assert not pipeline.status().last_error
    return pipeline


def swapping(settings: Settings) -> Pipeline:
    return loaded(settings)


def opened_by_the_first_picture(settings: Settings) -> Pipeline:
    return Pipeline(settings, threads=1, provider="cpu")


def refused(settings: Settings) -> Pipeline:
    pipeline = Pipeline(settings, threads=1, provider="cpu", library=Shut())
    pipeline.load()
    assert "consent" in pipeline.status().last_error
    return pipeline


def after_new_settings(settings: Settings) -> Pipeline:
    pipeline = loaded(settings)
    pipeline.configure(settings.model_copy(update={"smoothing": 0.1, "label_language": "de"}))
    pipeline.configure(settings)
    return pipeline


def with_a_failing_tracker(settings: Settings) -> Pipeline:
    pipeline = loaded(settings)
    pipeline._tracker = Broken()  # type: ignore[assignment]
    return pipeline


def with_a_failing_swapper(settings: Settings) -> Pipeline:
    pipeline = loaded(settings)
    pipeline._swapper = Broken()  # type: ignore[assignment]
    return pipeline


FACE_SHOWN = (swapping, after_new_settings, opened_by_the_first_picture)
STATES = (*FACE_SHOWN, refused, with_a_failing_tracker, with_a_failing_swapper)


def check_marks(pictures: list[np.ndarray], record: int) -> None:
    assert all(is_labelled(picture) for picture in pictures)
    detector = WatermarkDetector()
    for number, picture in enumerate(pictures):
        detector.add(picture, number / 10)
    found = detector.found()
    assert found is not None, f"no watermark, strongest trace {detector.strongest_trace:.1f}"
    assert found.record == record
    assert found.day == (date.today() - date(2020, 1, 1)).days


@pytest.mark.parametrize("no_result", NoResult)
@pytest.mark.parametrize("state", STATES)
def test_every_state_is_marked(
    camera: list[np.ndarray], state: Callable[[Settings], Pipeline], no_result: NoResult
) -> None:
    pipeline = state(Settings(no_result=no_result))
    shown = []
    for number, picture in enumerate(camera):
        frame = Frame.from_bgr(picture.copy(), number * STEP_NS)
        shown.append(pipeline.process(frame).frame.to_bgr())
    check_marks(shown, Library().open().consent.short_id if state in FACE_SHOWN else 0)


def test_the_slate_before_the_first_picture_is_marked() -> None:
    pipeline = Pipeline()
    frames = (Frame.allocate(PixelFormat.I420, 640, 480, Colour.bt709(full_range=False)) for _ in range(FRAMES))
    check_marks([pipeline.placeholder(frame).frame.to_bgr() for frame in frames], 0)


def test_a_held_face_carries_its_record_and_what_follows_does_not(camera: list[np.ndarray]) -> None:
    record = Library().open().consent.short_id
    for no_result in NoResult:
        pipeline = loaded(Settings(no_result=no_result))
        pictures = [*camera, *[np.full_like(camera[0], 120)] * 16]
        shown = [
            pipeline.process(Frame.from_bgr(picture.copy(), number * STEP_NS)).frame.to_bgr()
            for number, picture in enumerate(pictures)
        ]
        check_marks(shown[FRAMES : FRAMES + 1], record)
        check_marks(shown[-2:], record if no_result is NoResult.HOLD else 0)


def test_a_swapped_video_is_marked(tmp_path: Path) -> None:
    output = tmp_path / "out.mp4"
    command = [sys.executable, str(REPOSITORY / "tools" / "swap_video.py"), str(PERFORMER), str(output)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    verdict = verify_video(output, longest=3.0)
    assert verdict.answer is Answer.MARKED
    assert verdict.label_share == 1.0
    assert verdict.watermarks[0].record == Library().open().consent.short_id
    assert verdict.provenance is not None
    assert verdict.provenance.ours
    assert verdict.provenance.intact
    with av.open(str(output)) as container:
        assert all(is_labelled(picture.to_ndarray(format="bgr24")) for picture in container.decode(video=0))
