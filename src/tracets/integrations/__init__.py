"""Plugs for what people use already: agents and frameworks."""
