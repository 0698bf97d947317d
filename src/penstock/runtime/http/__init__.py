"""A local HTTP front for the embedded target: requests become events of API Gateway, functions answer them."""
