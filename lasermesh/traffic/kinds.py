"""Kinds of flows, as the compiled core knows them."""

CONSTANT = 0
POISSON = 1
SCRIPT = 2
KINDS = {"constant": CONSTANT, "poisson": POISSON, "script": SCRIPT}
