"""What is said of every figure."""

OWN_FORM = (
    "The authors of this package had the paper's method and numbers at hand, not its figures: this one shows what a "
    "claim of the paper needs, and need not look like any of them."
)
