"""The run: request, context, stages, output."""
