"""Trains stacks of fits: on this machine (`local.run_here`), or on a Ray cluster (`ray.run_on_ray`).

Both yield each stack of a plan with the results of its fits as it ends.
"""
