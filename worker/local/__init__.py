"""Everything on one machine: real servers from wheels, for the demo, a first try and the tests."""
