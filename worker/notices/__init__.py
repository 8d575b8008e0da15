"""What people and platforms are told: composed when it is decided, delivered afterwards."""
