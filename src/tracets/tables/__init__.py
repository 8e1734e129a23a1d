"""Tables of results: what one is, how its rows are kept while they are made, and the files that it ends as."""
