"""EventBridge on the embedded target: event buses, rules, targets."""
