"""The command `kudos`: one module for each command or group, imported when it is called."""
