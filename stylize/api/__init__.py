"""Public functions, one module per verb."""
