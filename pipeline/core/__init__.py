"""What every room may use: records of the product, errors, statistics; imports no room."""
