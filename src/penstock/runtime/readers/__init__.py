"""What a journal tells: each reader takes events, one after another, and nothing else.

progress   how far a run is
summary    what a run came to
cost       what the same run would cost on AWS
"""
