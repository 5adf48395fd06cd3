"""Milestones: recorded as they are reached, published once each, told to who asks."""
