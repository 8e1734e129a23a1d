"""Forecasting: backbones behind one Protocol, light heads on the encoder, and what neighbours add to either."""
