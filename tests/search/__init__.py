"""Tests of the search: no training, and TensorFlow only where KerasTuner is tested."""
