"""The messages of a chat on screen: virtualised widgets over the list model."""
