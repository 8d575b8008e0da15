"""The rulebook's contracts: one model file per YAML file, of the same name."""
