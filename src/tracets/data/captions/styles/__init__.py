"""Other manners of telling a window than numbers: what a crowd, a language model or an official report would write."""
