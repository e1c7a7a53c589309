"""Why nothing can be measured; each text is one sentence with the cure."""


class EvaluationError(Exception):
    """Nothing can be measured."""


class BenchmarkBroken(EvaluationError):
    """The benchmark is missing, incomplete or not a benchmark."""


class CandidateRefused(EvaluationError):
    """What is to be measured does not open."""
