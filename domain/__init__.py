"""The ground floor: the rules of the force, pure and without a clock, storage or chance."""
