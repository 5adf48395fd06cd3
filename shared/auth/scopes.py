"""The scopes that a token may carry."""

READ = "kudos:read"
WRITE = "kudos:write"
MODERATE = "kudos:moderate"
IMPORT = "kudos:import"
DIRECTORY_WRITE = "directory:write"
WEBHOOKS_WRITE = "webhooks:write"
INSIGHTS_READ = "insights:read"
ADMIN = "admin"

MEANINGS = {
    READ: "read what the caller may see",
    WRITE: "ask, promise, thank, react and comment",
    MODERATE: "review, hide and restore",
    IMPORT: "import recognitions, with their own times",
    DIRECTORY_WRITE: "change people, teams and partners",
    WEBHOOKS_WRITE: "manage webhook endpoints",
    INSIGHTS_READ: "read every team's insights",
    ADMIN: "everything",
}

ALL = frozenset(MEANINGS)

DEFAULT = frozenset({READ, WRITE})
"""What an active person holds whose token names none of our scopes."""
