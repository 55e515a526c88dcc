"""The forecast of a sweep: a range of seconds before it starts, and the range that is left while it runs.

Only predicts: no number of a fit and no stack plan depends on anything in here. `timemodel.prospect` is
the plan, `forecaster.Forecaster` goes with a sweep.
"""
