"""What people will get, tried in clean rooms."""
