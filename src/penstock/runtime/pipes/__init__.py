"""EventBridge's pipes: the mappings' readers in front, and a worker that enriches and hands over behind them."""
