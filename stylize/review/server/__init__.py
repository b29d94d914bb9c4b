"""The local web server of the review page."""
