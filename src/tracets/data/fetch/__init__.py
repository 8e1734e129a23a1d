"""Published data sets, fetched from where their authors keep them and made into corpora. None is shipped here."""
