"""The paper's kind of corpus, rebuilt: windows of weather stations around events that were reported there.

`events` reads NOAA's Storm Events, `stations` and `observations` its hourly stations (GHCNh); `joining` puts them
together, `windows` chooses the windows with and without an event, `build` does it all, resumably.
"""
