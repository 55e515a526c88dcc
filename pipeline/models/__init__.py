"""The saved model: written, proven, found and served.

Hands out `artefact.save_champion`, and `find_model.load_predictor` for raw rows.
"""
