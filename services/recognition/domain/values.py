"""The values that a recognition may name (DESIGN section 4: internal customer service)."""

DEFAULT_VALUES = (
    "recognition",
    "initiative",
    "cross-training",
    "quality",
    "availability",
    "honesty",
    "positive-attitude",
    "active-listening",
    "follow-through",
)
