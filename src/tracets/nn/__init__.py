"""Torch building blocks that know nothing of samples or tasks."""
