"""What we do about it: everything that touches the world. Tasks are thin: load, judge, save."""
