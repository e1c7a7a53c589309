"""Recipes of the identities that the project ships: people who do not exist, made to be recognised.

Each is a file in identity_recipes/: written down in full, so that it stays the same person when the ways of
drawing random people change. `PERFORMER` is nobody's identity but the stand-in for the person on camera.
"""

from __future__ import annotations

from pathlib import Path

from pydantic import TypeAdapter

from deepfake_core.synthetic.recipe import Recipe

FOLDER = Path(__file__).with_name("identity_recipes")
IDENTITIES = tuple(sorted(path.stem for path in FOLDER.glob("*.json")))
PERFORMER = "performer"
_RECIPES = TypeAdapter(Recipe)


class UnknownIdentity(KeyError):
    """No recipe has this name."""

    def __str__(self) -> str:
        return str(self.args[0])


def identity_recipe(name: str) -> Recipe:
    """The recipe of a named identity."""
    if name not in IDENTITIES:
        raise UnknownIdentity(f"No identity is called {name}: choose one of {', '.join(IDENTITIES)}.")
    return _RECIPES.validate_json((FOLDER / f"{name}.json").read_bytes())
