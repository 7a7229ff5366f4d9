"""The window's side of the process wall: the supervisor owns the child in a QThread, the client speaks with control."""
