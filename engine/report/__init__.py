"""A run's report: one HTML file that needs nothing else, and one of Markdown; what one attaches to a pull request."""
