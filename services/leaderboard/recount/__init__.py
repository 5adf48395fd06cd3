"""A second count of whatever the leaderboard holds, by plain loops, which shares nothing with what
folds it: a mistake there would agree with itself."""
