"""The topics of the event log, and which types of event each carries."""

RECOGNITION = "kudos.recognition.v1"
DIRECTORY = "kudos.directory.v1"
ACCESS = "kudos.access.v1"
LEADERBOARD = "kudos.leaderboard.v1"
PRIVACY = "kudos.privacy.v1"

TOPICS = (RECOGNITION, DIRECTORY, ACCESS, LEADERBOARD, PRIVACY)


def dead_letter_topic(topic: str, group: str) -> str:
    """Where the records of `topic` go that `group` can never fold."""
    return f"{topic}.{group}.dlq"
