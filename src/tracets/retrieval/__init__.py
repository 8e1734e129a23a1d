"""Encoder and index to hits, and hits to reasons."""
