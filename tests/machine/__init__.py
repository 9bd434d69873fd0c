"""A state machine drives the product in random order, against a plain model of the handbook's sections 3 to 7."""
