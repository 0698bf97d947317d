"""The command line: thin commands over the rooms.

main     the commands and their options
running  `penstock run`: one run, from the input to the summary
showing  what a run looks like on a terminal, in a pipe and as JSON
project  `penstock init`: a new project from the reference project

Nothing heavy is imported before a command needs it.
"""
