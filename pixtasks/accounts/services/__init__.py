"""One function per use case; the only writers of the models of this application."""
