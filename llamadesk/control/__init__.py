"""What a person asked for, turned into work for the engine, the store and the library."""
