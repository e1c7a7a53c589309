"""What a swapped picture may be used for, in words that a user chooses from and a record lists."""

from enum import StrEnum


class Purpose(StrEnum):
    """The user states one; the record of consent says which are covered."""

    DEMONSTRATION = "demonstration"
    TEACHING = "teaching"
    RESEARCH = "research"
    STAGE = "stage"
    FILM = "film"
    STREAMING = "streaming"
    COMMUNICATION = "communication"


WORDS: dict[Purpose, str] = {
    Purpose.DEMONSTRATION: "Showing people what live deepfakes are",
    Purpose.TEACHING: "Teaching, in class or in a workshop",
    Purpose.RESEARCH: "Research",
    Purpose.STAGE: "Theatre and art on stage",
    Purpose.FILM: "Film and recorded video",
    Purpose.STREAMING: "Streaming to an audience",
    Purpose.COMMUNICATION: "Calls and meetings whose participants know",
}
