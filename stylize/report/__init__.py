"""HTML report and contact sheets."""
