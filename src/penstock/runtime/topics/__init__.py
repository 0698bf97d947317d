"""SNS on the embedded target: topics, subscriptions, filter policies."""
