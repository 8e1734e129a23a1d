"""The service: search, explain, items, embeddings, forecasts and descriptions over HTTP, of one index and its model."""
