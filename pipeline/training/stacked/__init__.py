"""Many fits of one depth, trained as one compiled program; the same answer as `fit`."""
