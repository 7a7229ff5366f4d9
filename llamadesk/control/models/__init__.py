"""Which models there are, which lie here, which suit, what is known of each, and making smaller ones."""
