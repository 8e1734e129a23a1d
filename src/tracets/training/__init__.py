"""The training loop, on Lightning: budget, learning rate, validation, checkpoints. It does not know TRACE."""
