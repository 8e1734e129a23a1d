"""Other people's forecasters behind one Protocol: a registry by name, one small module each."""

from tracets.forecast.backbones.registry import Family, Source, known_backbones, load_backbone

__all__ = ["Family", "Source", "known_backbones", "load_backbone"]
