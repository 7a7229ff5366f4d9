"""The only room that opens a connection to the network, and only for what the person asked for. No Qt."""
