"""What is on screen, as QtCore objects. Only the window's thread writes it; views follow its signals."""
