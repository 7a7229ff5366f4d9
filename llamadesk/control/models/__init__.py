"""Which models there are for this computer, what is known of each, and making smaller ones."""
