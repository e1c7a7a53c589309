"""What a person agrees to, in words, and the sentence that is read aloud on camera."""

import secrets
import textwrap
from collections.abc import Sequence
from datetime import date

from deepfake_core.identities.purposes import WORDS, Purpose

WORD_COUNT = 6
# fmt: off
SPOKEN_WORDS = (
    "acorn", "amber", "anchor", "apple", "apron", "arrow", "autumn", "badger", "bakery", "bamboo", "basket",
    "beacon", "berry", "blanket", "bottle", "breeze", "bridge", "bronze", "button", "candle", "canyon", "carpet",
    "castle", "cedar", "cherry", "chimney", "cinema", "circle", "clover", "coffee", "copper", "coral", "cotton",
    "cricket", "crystal", "curtain", "daisy", "desert", "dolphin", "donkey", "dragon", "eagle", "echo", "elbow",
    "ember", "engine", "falcon", "feather", "fiddle", "finger", "flower", "forest", "fountain", "galaxy", "garden",
    "ginger", "glacier", "granite", "guitar", "hammer", "harbour", "harvest", "hazel", "helmet", "honey", "island",
    "ivory", "jacket", "jasmine", "jungle", "kettle", "kitchen", "ladder", "lagoon", "lantern", "lemon", "lizard",
    "magnet", "maple", "marble", "meadow", "melon", "mirror", "morning", "mountain", "museum", "needle", "nutmeg",
    "ocean", "olive", "orange", "orchard", "otter", "paper", "parrot", "pebble", "pencil", "pepper", "piano",
    "pillow", "planet", "pocket", "puzzle", "rabbit", "ribbon", "river", "rocket", "saddle", "salmon", "sandal",
    "shadow", "silver", "spider", "spoon", "summer", "sunset", "teapot", "thunder", "tiger", "timber", "tunnel",
    "turtle", "velvet", "violin", "walnut", "willow", "window", "winter",
)
# fmt: on


def terms(
    *,
    depicted: str,
    granted_to: Sequence[str],
    purposes: Sequence[Purpose],
    contexts: Sequence[str],
    valid_from: date,
    valid_until: date,
    withdrawal: str,
) -> str:
    """The terms as the person sees them; the record keeps their SHA-256."""
    paragraphs = [
        f"{depicted}, this is what you are asked to agree to.",
        "From pictures of your face a program will be trained with which other people can appear on live video with "
        "your face: with their words and their expressions. This is biometric data about you. Every such picture is "
        "marked as AI-modified, visibly and with a hidden mark that names this agreement.",
        f"Who may use it: {'; '.join(granted_to)}",
        f"For: {'; '.join(WORDS[purpose] for purpose in purposes)}",
        f"Where and how: {'; '.join(contexts) or 'no further limits'}",
        f"From {valid_from} to {valid_until}, both days included.",
        "You may withdraw at any time, without a reason and without harm to you; from then on the program refuses to "
        f"show your face. How: {withdrawal}",
        "You say a sentence on camera. The video stays with you; the agreement keeps its fingerprint. It is used to "
        "check that the pictures to train with show you and nobody else. A key is made that is yours alone: with it "
        "you sign this agreement, later the finished program, and a withdrawal. Without your signature the program "
        "does not open.",
        "You need not agree. If you are under age, or somebody puts pressure on you, do not go on.",
    ]
    return "\n\n".join(textwrap.fill(paragraph, 76) for paragraph in paragraphs) + "\n"


def sentence(depicted: str, today: date) -> str:
    """A sentence nobody can have recorded before: it names the day and six random words (42 bits)."""
    words = " ".join(secrets.choice(SPOKEN_WORDS) for _ in range(WORD_COUNT))
    day = f"{today.day} {today:%B %Y}"
    return f"I am {depicted}, today is {day}, I agree that others appear with my face as I have read: {words}."
