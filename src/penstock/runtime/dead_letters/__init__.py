"""Dead letters, on any target that boto3 reaches: looking at them, finding their records, sending them back."""
