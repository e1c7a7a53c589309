"""What the tests of rendered people share."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from deepfake_core.synthetic.assets import AssetsMissing, find_assets

if TYPE_CHECKING:
    from deepfake_core.synthetic.person import Wardrobe
    from deepfake_core.synthetic.renderer import Renderer


@pytest.fixture(scope="session")
def assets() -> Path:
    """The assets folder; without it the test is skipped."""
    try:
        return find_assets()
    except AssetsMissing as error:
        pytest.skip(str(error))


@pytest.fixture(scope="session")
def wardrobe(assets: Path) -> Wardrobe:
    """One for all who need no fine skins."""
    from deepfake_core.synthetic.person import Wardrobe  # only .venv-train has what it needs

    return Wardrobe(assets, skin_size=256)


@pytest.fixture(scope="module")
def renderer(wardrobe: Wardrobe, request: pytest.FixtureRequest) -> Renderer:
    """Of the module's `SIZE`, px; without graphics the test is skipped."""
    from deepfake_core.synthetic.renderer import GraphicsMissing, Renderer

    try:
        return Renderer(wardrobe.body, request.module.SIZE)
    except GraphicsMissing as error:
        pytest.skip(str(error))
