"""What is trained: each task owns a model, its losses and the batches they need."""
