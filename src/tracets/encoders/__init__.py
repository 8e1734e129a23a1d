"""The series tower, the text tower, and the pair."""
