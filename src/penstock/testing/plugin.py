"""The pytest plugin that is installed with penstock."""
