"""The handlers of the reference project: what runs inside Lambda."""
